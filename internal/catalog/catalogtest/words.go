package catalogtest

import (
	"fmt"
	"strings"
)

// words are what titles are made of. Business, part and kind are combined, so
// that a word stands in many titles and a title is there once.
type words struct {
	business, part, kind, regions, tongues, people, syllables []string
}

func newWords() words {
	return words{
		business: strings.Fields(`Payment Checkout Cart Order Invoice Billing Ledger Refund Shipping Courier Warehouse Inventory Catalog Product Price Discount
			Coupon Loyalty Reward Customer Account Profile Identity Session Login Consent Privacy Fraud Risk Credit Loan Mortgage Insurance Claim Policy Quote
			Booking Ticket Seat Flight Hotel Traveler Itinerary Passenger Fleet Vehicle Driver Route Map Geo Weather Sensor Device Telemetry Firmware Gateway
			Meter Energy Grid Tariff Contract Document Signature Archive Report Insight Metric Forecast Campaign Audience Newsletter Message Chat Call Video
			Stream Playlist Album Artist Image Avatar Thumbnail Upload Download Content Article Comment Review Rating Search Recommendation Feature Experiment
			Segment Survey Feedback Support Knowledge Partner Supplier Purchase Tender Budget Expense Payroll Salary Vacation Recruiting Candidate Employee
			Training Course Exam Student Library Patient Clinic Pharmacy Laboratory Prescription Calendar Reminder Task Project Abacus Treasury Tax Customs`),
		part: strings.Fields(`Core Intake Export Import Sync Batch Event Rule Score Limit Quota Token Key Secret Config Schema Index Cache Queue Topic Mirror Bridge Proxy
			Adapter Router Planner Matcher Resolver Validator Formatter Renderer Parser Loader Writer Reader Watcher Collector Aggregator Enricher Dispatcher
			Scheduler Notifier Monitor Auditor Archiver Cleaner Migrator Simulator Estimator Optimizer Classifier Translator Tracker Registry Directory Portal
			Console Dashboard Workflow Approval Settlement Reconciliation`),
		kind:      strings.Fields(`Service Worker Backend Frontend Gateway Api Job Daemon Agent Operator Consumer Producer Webhook Bot Function Lambda Controller Store Hub Engine Server Proxy Tool App`),
		regions:   strings.Fields("eu-west-1 us-east-1 us-west-2 ap-south-1 eu-central-1 sa-east-1 af-south-1 me-south-1"),
		tongues:   strings.Fields("go java typescript python kotlin rust csharp ruby php scala"),
		syllables: strings.Fields("ba be bo da du fa fi go ha jo ka ki la li lo ma mi mo na ne no pa ra ri ro sa se ta ti to va ve xi za zu bren dor fel gan kel lin mar nor ton vel wen zar"),
		people:    strings.Fields("dana ido noa amir lea tom maya omer ruth gil adam eva yael ben sara jan mia paul nina max"),
	}
}

// three combines a business word, a part and a kind; the i-th of about 170,000
// combinations, all different.
func (w words) three(i, salt int) (business, part, kind string) {
	all := len(w.business) * len(w.part) * len(w.kind)
	k := (i*7919 + salt*104_729) % all
	return w.business[k%len(w.business)], w.part[k/len(w.business)%len(w.part)], w.kind[k/len(w.business)/len(w.part)]
}

// again numbers names that come up a second time.
func (w words) again(i int) string {
	if n := i / (len(w.business) * len(w.part) * len(w.kind)); n > 0 {
		return fmt.Sprintf(" %d", n+1)
	}
	return ""
}

// Title is the title of entity i of a blueprint; titles of one blueprint differ.
func (d *Data) Title(blueprint string, i int) string {
	w := d.words
	switch blueprint {
	case "domain":
		return w.business[i%len(w.business)] + numbered(i, len(w.business))
	case "team":
		return w.business[i*7%len(w.business)] + " " + w.part[i%len(w.part)] + " Team" + numbered(i, len(w.business)*len(w.part))
	case "environment":
		return []string{"Development", "Staging", "Production"}[i%3] + " " + w.regions[i/3%len(w.regions)] + numbered(i, 3*len(w.regions))
	case "system":
		return w.business[i%len(w.business)] + " " + w.part[i/len(w.business)%len(w.part)] + numbered(i, len(w.business)*len(w.part))
	case "package":
		business, part, kind := w.three(i, 1)
		return business + part + kind + w.again(i)
	case "service":
		business, part, kind := w.three(i, 2)
		return business + " " + part + " " + kind + w.again(i)
	case "api":
		business, part, kind := w.three(i, 3)
		return fmt.Sprintf("%s %s %s API v%d%s", business, part, kind, 1+i%3, w.again(i))
	case "resource":
		business, part, kind := w.three(i, 4)
		return strings.ToLower(business+"-"+part+"-"+kind) + "-" + []string{"postgres", "redis", "bucket", "kafka", "queue", "elastic"}[i%6] + w.again(i)
	case "deployment":
		business, part, kind := w.three(i, 2)
		return fmt.Sprintf("%s %s %s to %s #%d", business, part, kind, w.regions[i%len(w.regions)], 1000+i)
	default:
		business, part, kind := w.three(i, 5)
		return fmt.Sprintf("INC-%d %s in %s %s %s", 10_000+i, []string{"High error rate", "Latency above target", "Out of memory", "Certificate expires", "Queue grows"}[i%5], business, part, kind)
	}
}

func numbered(i, of int) string {
	if i < of {
		return ""
	}
	return fmt.Sprintf(" %d", i/of+1)
}
