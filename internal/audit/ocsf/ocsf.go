// Package ocsf writes audit events in the Open Cybersecurity Schema Framework,
// version 1.1.0, as API Activity (6003), Authentication (3002), Account Change
// (3001) and Entity Management (3004).
package ocsf

import (
	"encoding/json"
	"strings"

	"sphera/internal/audit"
	"sphera/internal/audit/seal"
	"sphera/internal/store"
)

// Version of the schema.
const Version = "1.1.0"

// The classes.
const (
	AccountChange    = 3001
	Authentication   = 3002
	EntityManagement = 3004
	APIActivity      = 6003
)

// record is an event in the schema's words; what a class does not have is
// empty.
type record struct {
	ActivityID   int       `json:"activity_id"`
	ActivityName string    `json:"activity_name"`
	CategoryUID  int       `json:"category_uid"`
	ClassUID     int       `json:"class_uid"`
	TypeUID      int       `json:"type_uid"`
	Time         int64     `json:"time"`
	SeverityID   int       `json:"severity_id"`
	Severity     string    `json:"severity"`
	StatusID     int       `json:"status_id"`
	Status       string    `json:"status"`
	StatusCode   string    `json:"status_code,omitempty"`
	StatusDetail string    `json:"status_detail,omitempty"`
	Message      string    `json:"message"`
	Metadata     metadata  `json:"metadata"`
	Actor        actor     `json:"actor"`
	SrcEndpoint  *endpoint `json:"src_endpoint,omitempty"`
	User         *user     `json:"user,omitempty"`
	Service      *named    `json:"service,omitempty"`
	IsRemote     *bool     `json:"is_remote,omitempty"`
	Entity       *managed  `json:"entity,omitempty"`
	API          *api      `json:"api,omitempty"`
	Resources    []managed `json:"resources,omitempty"`
	Unmapped     unmapped  `json:"unmapped"`
}

type metadata struct {
	Version        string  `json:"version"`
	Product        product `json:"product"`
	UID            string  `json:"uid"`
	Sequence       int64   `json:"sequence"`
	EventCode      string  `json:"event_code"`
	LogName        string  `json:"log_name"`
	CorrelationUID string  `json:"correlation_uid,omitempty"`
}

type product struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
}

type actor struct {
	User user `json:"user"`
	// InvokedBy is whose rights were used.
	InvokedBy string `json:"invoked_by,omitempty"`
}

type user struct {
	UID    string `json:"uid"`
	Name   string `json:"name,omitempty"`
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
}

type endpoint struct {
	IP      string `json:"ip,omitempty"`
	SvcName string `json:"svc_name,omitempty"`
}

type named struct {
	Name string `json:"name"`
}

type managed struct {
	UID  string `json:"uid"`
	Name string `json:"name"`
	Type string `json:"type"`
}

type api struct {
	Operation string   `json:"operation"`
	Request   *request `json:"request,omitempty"`
	Service   named    `json:"service"`
}

type request struct {
	UID string `json:"uid"`
}

// unmapped is what the schema has no place for, with the link of the chain.
type unmapped struct {
	Object   string          `json:"object"`
	Entity   string          `json:"entity,omitempty"`
	Run      string          `json:"run_id,omitempty"`
	Via      string          `json:"via,omitempty"`
	Outcome  string          `json:"outcome"`
	Detail   json.RawMessage `json:"detail"`
	Previous seal.Hash       `json:"chain_previous"`
	Hash     seal.Hash       `json:"chain_hash"`
}

// Line encodes an entry of the chain as one line. metadata.sequence is its
// position, the cursor of an export.
func Line(e *seal.Entry) ([]byte, error) { return seal.SafeLine(convert(e)) }

func convert(e *seal.Entry) record {
	v := &e.Event
	did := v.Verb[strings.LastIndexByte(v.Verb, '.')+1:]
	r := record{
		Time: store.Millis(v.At), SeverityID: 1, Severity: "Informational", StatusID: 1, Status: "Success", StatusCode: v.Rule, Message: v.Verb + " " + v.Object,
		Metadata: metadata{
			Version: Version, Product: product{"Sphera", "Sphera"}, UID: e.Hash.String(), Sequence: e.Position, EventCode: v.Verb, LogName: "audit", CorrelationUID: v.RequestID,
		},
		Actor: actor{User: person(v.Actor, v.ActorName), InvokedBy: v.OnBehalfOf},
		Unmapped: unmapped{
			Object: v.Object, Entity: v.Entity, Run: v.RunID, Via: v.Via, Outcome: v.Outcome, Detail: v.Detail, Previous: e.Previous, Hash: e.Hash,
		},
	}
	if v.Outcome != audit.Success {
		r.StatusID, r.Status, r.StatusDetail = 2, "Failure", v.Outcome
	}
	if v.Outcome == audit.Denied {
		r.SeverityID, r.Severity = 2, "Low"
	}
	if v.Address != "" {
		r.SrcEndpoint = &endpoint{IP: v.Address}
	}
	r.classify(v, did)
	r.CategoryUID = r.ClassUID / 1000
	r.TypeUID = r.ClassUID*100 + r.ActivityID
	return r
}

func (r *record) classify(v *audit.Event, did string) {
	family := audit.Family(v.Verb)
	kind, id, _ := strings.Cut(v.Object, "/")
	switch {
	case family == "auth":
		remote := true
		r.ClassUID, r.User, r.Service, r.IsRemote = Authentication, account(kind, id), &named{"Sphera"}, &remote
		r.ActivityID, r.ActivityName = 99, "Other"
		switch did {
		case "login":
			r.ActivityID, r.ActivityName = 1, "Logon"
		case "logout":
			r.ActivityID, r.ActivityName = 2, "Logoff"
		}
	case family == "user" || family == "app" || family == "service_account":
		r.ClassUID, r.User = AccountChange, account(kind, id)
		r.ActivityID, r.ActivityName = accountActivity(v, did)
	case v.Outcome != audit.Denied && (v.Entity != "" && v.Entity == v.Object || family == "entity" || family == "blueprint"):
		r.ClassUID = EntityManagement
		r.ActivityID, r.ActivityName = crud(did)
		r.Entity = &managed{UID: v.Object, Name: id, Type: kind}
	default:
		r.ClassUID = APIActivity
		r.ActivityID, r.ActivityName = crud(did)
		r.API = &api{Operation: v.Verb, Service: named{"Sphera"}}
		if v.RequestID != "" {
			r.API.Request = &request{UID: v.RequestID}
		}
		r.Resources = []managed{{UID: v.Object, Name: id, Type: kind}}
		if r.SrcEndpoint == nil {
			r.SrcEndpoint = &endpoint{SvcName: "sphera"} // the portal itself, or a run
		}
	}
}

// crud is the activity of the classes that know four.
func crud(did string) (int, string) {
	switch did {
	case "create", "begin", "open", "restore", "start", "bulk", "import":
		return 1, "Create"
	case "read", "export":
		return 2, "Read"
	case "delete", "remove", "bulk-delete", "archive", "webhook-delete":
		return 4, "Delete"
	default:
		return 3, "Update"
	}
}

func accountActivity(v *audit.Event, did string) (int, string) {
	var detail struct {
		Status      string `json:"status"`
		NewPassword bool   `json:"newPassword"`
		Enabled     *bool  `json:"enabled"`
	}
	if err := json.Unmarshal(v.Detail, &detail); err != nil {
		return 99, "Other"
	}
	switch {
	case did == "create":
		return 1, "Create"
	case did == "delete":
		return 6, "Delete"
	case did == "rotate":
		return 4, "Password Reset"
	case detail.NewPassword:
		return 3, "Password Change"
	case detail.Status == "suspended", detail.Enabled != nil && !*detail.Enabled:
		return 5, "Disable"
	case detail.Enabled != nil:
		return 2, "Enable"
	default:
		return 99, "Other"
	}
}

func account(kind, id string) *user {
	u := user{UID: id, TypeID: 1, Type: "User"}
	if kind == "app" || kind == "service_account" {
		u.TypeID, u.Type = 3, "System"
	}
	return &u
}

func person(id, name string) user {
	u := user{UID: id, Name: name, TypeID: 1, Type: "User"}
	switch id {
	case audit.System:
		u.TypeID, u.Type = 3, "System"
	case audit.Anonymous:
		u.TypeID, u.Type = 0, "Unknown"
	}
	return u
}
