package catalogtest

import (
	"encoding/json"
	"fmt"

	"sphera/internal/catalog"
)

type object = map[string]any

func (d *Data) base(blueprint string, i int) catalog.NewEntity {
	title := d.Title(blueprint, i)
	return catalog.NewEntity{Identifier: slug(title), Title: title, Blueprint: blueprint}
}

func (d *Data) domain(i, version int) catalog.NewEntity {
	e := d.base("domain", i)
	e.Properties = object{
		"summary": "Everything about " + e.Title, "criticality": d.pick("domain", i, "criticality", "low", "medium", "high"), "cost": float64(i%97*100 + version),
		"strategic": i%3 == 0, "reviewedAt": d.moment("domain", i, "reviewed", version),
	}
	e.Relations = object{}
	return e
}

func (d *Data) team(i, version int) catalog.NewEntity {
	e := d.base("team", i)
	e.Properties = object{
		"chat": fmt.Sprintf("#%s-%d", e.Identifier, version), "email": e.Identifier + "@company.example", "size": float64(3 + i%9 + version%2),
		"location": d.pick("team", i, "location", "Tel Aviv", "Berlin", "London", "São Paulo"), "onCall": i%4 != 0,
	}
	e.Relations = object{"domain": d.one("team", i, "domain", "domain")}
	return e
}

func (d *Data) environment(i, version int) catalog.NewEntity {
	e := d.base("environment", i)
	e.Properties = object{
		"kind": []string{"development", "staging", "production"}[i%3], "region": d.words.regions[i/3%len(d.words.regions)], "nodes": float64(3 + i%20 + version),
		"cluster": fmt.Sprintf("https://k8s-%d.company.example", i), "locked": i%5 == 0, "changedAt": d.moment("environment", i, "changed", version),
	}
	e.Relations = object{}
	return e
}

func (d *Data) system(i, version int) catalog.NewEntity {
	e := d.base("system", i)
	e.Team = d.owner("system", i)
	e.Properties = object{
		"lifecycle": d.pick("system", i, "lifecycle", "production", "experimental", "deprecated"), "tier": float64(1 + i%4), "budget": float64(int(d.chance("system", i, "budget")%90_000) + version),
		"docs": "https://docs.company.example/" + e.Identifier, "audited": i%2 == 0, "notes": fmt.Sprintf("Reviewed %d times", version),
	}
	e.Relations = object{"domain": d.one("system", i, "domain", "domain"), "team": d.one("system", i, "team", "team")}
	return e
}

func (d *Data) pack(i, version int) catalog.NewEntity {
	e := d.base("package", i)
	maintainer := 0
	if i >= Hub {
		maintainer = 1 + d.skewed("package", i, "maintainer", d.counts["team"]-1)
	}
	e.Properties = object{
		"language": d.pick("package", i, "language", d.words.tongues...), "version": d.release("package", i, version), "license": d.pick("package", i, "license", "MIT", "Apache-2.0", "Proprietary", "GPL-3.0"),
		"size": float64(int(d.chance("package", i, "size")%5_000_000) + version), "published": i%10 != 0, "registry": "https://packages.company.example/" + e.Identifier,
		"publishedAt": d.moment("package", i, "published", version),
	}
	e.Relations = object{
		"maintainer": d.Name("team", maintainer), "system": d.one("package", i, "system", "system"), "dependsOn": d.few("package", i, "dependsOn", 2, "package", i),
	}
	return e
}

func (d *Data) service(i, version int) catalog.NewEntity {
	e := d.base("service", i)
	e.Team = d.owner("service", i)
	e.Properties = object{
		"language": d.pick("service", i, "language", d.words.tongues...), "lifecycle": d.pick("service", i, "lifecycle", "production", "experimental", "deprecated", "retired"),
		"tier": d.pick("service", i, "tier", "bronze", "silver", "gold", "platinum"), "coverage": float64((int(d.chance("service", i, "coverage")%1000) + version*7) % 1000),
		"replicas": float64(1 + i%12), "public": i%7 == 0, "repository": "https://github.com/company/" + e.Identifier, "onCall": d.words.people[i%len(d.words.people)],
		"codename": d.codename("service", i), "version": d.release("service", i, version), "deployedAt": d.moment("service", i, "deployed", version),
	}
	e.Relations = object{
		"system": d.one("service", i, "system", "system"), "packages": d.few("service", i, "packages", 3, "package", d.counts["package"]), "dependsOn": d.few("service", i, "dependsOn", 2, "service", i),
	}
	return e
}

func (d *Data) api(i, version int) catalog.NewEntity {
	e := d.base("api", i)
	e.Team = d.owner("api", i)
	e.Properties = object{
		"type": d.pick("api", i, "type", "openapi", "graphql", "grpc", "asyncapi"), "version": d.release("api", i, version), "deprecated": i%11 == 0,
		"endpoints": float64(int(d.chance("api", i, "endpoints")%80) + version), "spec": "https://specs.company.example/" + e.Identifier + ".yaml", "reviewedAt": d.moment("api", i, "reviewed", version),
	}
	e.Relations = object{
		"service": d.one("api", i, "service", "service"), "system": d.one("api", i, "system", "system"), "consumers": d.few("api", i, "consumers", 2, "service", d.counts["service"]),
	}
	return e
}

func (d *Data) resource(i, version int) catalog.NewEntity {
	e := d.base("resource", i)
	e.Properties = object{
		"kind": []string{"postgres", "redis", "bucket", "kafka", "queue", "elastic"}[i%6], "size": d.pick("resource", i, "size", "small", "medium", "large"), "encrypted": i%9 != 0,
		"cost": float64(int(d.chance("resource", i, "cost")%4000) + version), "arn": fmt.Sprintf("arn:cloud:%s:%d", e.Identifier, d.chance("resource", i, "arn")%1_000_000_000), "seenAt": d.moment("resource", i, "seen", version),
		"engine": d.release("resource", i, version),
	}
	e.Relations = object{
		"service": d.one("resource", i, "service", "service"), "environment": d.Name("environment", d.skewed("resource", i, "environment", d.counts["environment"])), "system": d.one("resource", i, "system", "system"),
	}
	return e
}

func (d *Data) deployment(i, version int) catalog.NewEntity {
	e := d.base("deployment", i)
	e.Properties = object{
		"status": d.pick("deployment", i, "status", "succeeded", "failed", "running", "cancelled"), "commit": fmt.Sprintf("%016x", d.chance("deployment", i, "commit")), "by": d.words.people[i%len(d.words.people)],
		"seconds": float64(int(d.chance("deployment", i, "seconds")%900) + version), "rollback": i%40 == 0, "log": fmt.Sprintf("https://ci.company.example/runs/%d", i), "startedAt": d.moment("deployment", i, "started", version),
		"release": d.release("deployment", i, version),
	}
	e.Relations = object{
		"service": d.Name("service", i%d.counts["service"]), "environment": d.Name("environment", d.skewed("deployment", i, "environment", d.counts["environment"])), "artifact": d.one("deployment", i, "artifact", "package"),
	}
	return e
}

func (d *Data) incident(i, version int) catalog.NewEntity {
	e := d.base("incident", i)
	e.Properties = object{
		"severity": d.pick("incident", i, "severity", "low", "medium", "high", "critical"), "state": d.pick("incident", i, "state", "closed", "open", "monitoring"), "minutes": float64(int(d.chance("incident", i, "minutes")%600) + version),
		"customerFacing": i%3 == 0, "reporter": d.words.people[i%len(d.words.people)], "openedAt": d.moment("incident", i, "opened", version), "postmortem": fmt.Sprintf("https://docs.company.example/postmortem/%d", i),
		"summary": fmt.Sprintf("Update %d: %s", version, d.pick("incident", i, "summary", "being looked at", "cause found", "fixed by a rollback", "waiting for a vendor")),
	}
	e.Relations = object{
		"service": d.Name("service", d.skewed("incident", i, "service", d.counts["service"])), "environment": d.Name("environment", d.skewed("incident", i, "environment", d.counts["environment"])), "team": d.one("incident", i, "team", "team"),
	}
	return e
}

func blueprints() []catalog.Blueprint {
	docs := []string{
		`{"identifier":"domain","title":"Domain","icon":"Globe","schema":{"properties":{"summary":{"type":"string"},"criticality":{"type":"string","enum":["low","medium","high"]},"cost":{"type":"number"},
			"strategic":{"type":"boolean"},"reviewedAt":{"type":"string","format":"date-time"}},"required":[]},"relations":{},
			"calculationProperties":{"label":{"type":"string","calculation":".title + \" (\" + .properties.criticality + \")\""}}}`,
		`{"identifier":"team","title":"Team","icon":"Team","schema":{"properties":{"chat":{"type":"string"},"email":{"type":"string","format":"email"},"size":{"type":"number"},"location":{"type":"string"},"onCall":{"type":"boolean"}},"required":[]},
			"relations":{"domain":{"target":"domain"}},"mirrorProperties":{"domainCriticality":{"path":"domain.criticality"}},
			"calculationProperties":{"large":{"type":"boolean","calculation":".properties.size > 8"}}}`,
		`{"identifier":"environment","title":"Environment","icon":"Environment","schema":{"properties":{"kind":{"type":"string","enum":["development","staging","production"]},"region":{"type":"string"},"nodes":{"type":"number"},
			"cluster":{"type":"string","format":"url"},"locked":{"type":"boolean"},"changedAt":{"type":"string","format":"date-time"}},"required":["kind"]},"relations":{},
			"calculationProperties":{"short":{"type":"string","calculation":".properties.kind[0:4] + \"-\" + .properties.region"}}}`,
		`{"identifier":"system","title":"System","icon":"System","schema":{"properties":{"lifecycle":{"type":"string","enum":["production","experimental","deprecated"]},"tier":{"type":"number"},"budget":{"type":"number"},
			"docs":{"type":"string","format":"url"},"audited":{"type":"boolean"},"notes":{"type":"string"}},"required":[]},
			"relations":{"domain":{"target":"domain"},"team":{"target":"team"}},"mirrorProperties":{"domainCriticality":{"path":"domain.criticality"}},
			"calculationProperties":{"monthly":{"type":"number","calculation":".properties.budget / 12"}}}`,
		`{"identifier":"package","title":"Package","icon":"Package","schema":{"properties":{"language":{"type":"string"},"version":{"type":"string"},"license":{"type":"string","enum":["MIT","Apache-2.0","Proprietary","GPL-3.0"]},
			"size":{"type":"number"},"published":{"type":"boolean"},"registry":{"type":"string","format":"url"},"publishedAt":{"type":"string","format":"date-time"}},"required":["language"]},
			"relations":{"maintainer":{"target":"team"},"system":{"target":"system"},"dependsOn":{"target":"package","many":true}},"mirrorProperties":{"maintainerChat":{"path":"maintainer.chat"}},
			"calculationProperties":{"coordinate":{"type":"string","calculation":".identifier + \"@\" + .properties.version"}}}`,
		`{"identifier":"service","title":"Service","icon":"Microservice","schema":{"properties":{"language":{"type":"string"},"lifecycle":{"type":"string","enum":["production","experimental","deprecated","retired"]},
			"tier":{"type":"string","enum":["bronze","silver","gold","platinum"]},"coverage":{"type":"number"},"replicas":{"type":"number"},"public":{"type":"boolean"},"repository":{"type":"string","format":"url"},"onCall":{"type":"string"},
			"codename":{"type":"string"},"version":{"type":"string"},"deployedAt":{"type":"string","format":"date-time"}},"required":["language"]},
			"relations":{"system":{"target":"system"},"packages":{"target":"package","many":true},"dependsOn":{"target":"service","many":true}},
			"mirrorProperties":{"systemLifecycle":{"path":"system.lifecycle"},"systemTier":{"path":"system.tier"}},
			"calculationProperties":{"critical":{"type":"boolean","calculation":".properties.tier == \"gold\" or .properties.tier == \"platinum\""},"covered":{"type":"string","calculation":"if .properties.coverage > 800 then \"good\" elif .properties.coverage > 400 then \"fair\" else \"poor\" end"}}}`,
		`{"identifier":"api","title":"API","icon":"Api","schema":{"properties":{"type":{"type":"string","enum":["openapi","graphql","grpc","asyncapi"]},"version":{"type":"string"},"deprecated":{"type":"boolean"},"endpoints":{"type":"number"},
			"spec":{"type":"string","format":"url"},"reviewedAt":{"type":"string","format":"date-time"}},"required":[]},
			"relations":{"service":{"target":"service","required":true},"system":{"target":"system"},"consumers":{"target":"service","many":true}},"mirrorProperties":{"serviceTier":{"path":"service.tier"}},
			"calculationProperties":{"badge":{"type":"string","calculation":".properties.type + \" v\" + .properties.version"}}}`,
		`{"identifier":"resource","title":"Resource","icon":"Database","schema":{"properties":{"kind":{"type":"string","enum":["postgres","redis","bucket","kafka","queue","elastic"]},"size":{"type":"string","enum":["small","medium","large"]},
			"encrypted":{"type":"boolean"},"cost":{"type":"number"},"arn":{"type":"string"},"seenAt":{"type":"string","format":"date-time"},"engine":{"type":"string"}},"required":["kind"]},
			"relations":{"service":{"target":"service"},"environment":{"target":"environment"},"system":{"target":"system"}},"mirrorProperties":{"environmentKind":{"path":"environment.kind"}},
			"calculationProperties":{"yearly":{"type":"number","calculation":".properties.cost * 12"}}}`,
		`{"identifier":"deployment","title":"Deployment","icon":"Deployment","schema":{"properties":{"status":{"type":"string","enum":["succeeded","failed","running","cancelled"]},"commit":{"type":"string"},"by":{"type":"string"},"seconds":{"type":"number"},
			"rollback":{"type":"boolean"},"log":{"type":"string","format":"url"},"startedAt":{"type":"string","format":"date-time"},"release":{"type":"string"}},"required":[]},
			"relations":{"service":{"target":"service"},"environment":{"target":"environment"},"artifact":{"target":"package"}},"mirrorProperties":{"region":{"path":"environment.region"},"language":{"path":"artifact.language"}},
			"calculationProperties":{"slow":{"type":"boolean","calculation":".properties.seconds > 600"}}}`,
		`{"identifier":"incident","title":"Incident","icon":"Alert","schema":{"properties":{"severity":{"type":"string","enum":["low","medium","high","critical"]},"state":{"type":"string","enum":["closed","open","monitoring"]},"minutes":{"type":"number"},
			"customerFacing":{"type":"boolean"},"reporter":{"type":"string"},"openedAt":{"type":"string","format":"date-time"},"postmortem":{"type":"string","format":"url"},"summary":{"type":"string"}},"required":["severity"]},
			"relations":{"service":{"target":"service"},"environment":{"target":"environment"},"team":{"target":"team"}},"mirrorProperties":{"systemLifecycle":{"path":"service.system.lifecycle"}},
			"calculationProperties":{"hours":{"type":"number","calculation":".properties.minutes / 60"}}}`,
	}
	out := make([]catalog.Blueprint, len(docs))
	for i, doc := range docs {
		if err := json.Unmarshal([]byte(doc), &out[i]); err != nil {
			panic(fmt.Sprintf("blueprint %d: %v", i, err))
		}
	}
	return out
}
