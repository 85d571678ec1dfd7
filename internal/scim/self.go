package scim

import "net/http"

// serveSelf says what this provider of SCIM can (RFC 7644, 4).
func (s *Service) serveSelf(r *http.Request, what, id string) (int, any, error) {
	var list []map[string]any
	switch what {
	case "ServiceProviderConfig":
		if r.Method != http.MethodGet || id != "" {
			return 0, nil, errMethod()
		}
		return http.StatusOK, s.config(), nil
	case "ResourceTypes":
		list = s.types()
	case "Schemas":
		list = s.schemas()
	default:
		return 0, nil, errMissing()
	}
	if r.Method != http.MethodGet {
		return 0, nil, errMethod()
	}
	if id == "" {
		return http.StatusOK, map[string]any{
			"schemas": []string{schemaList}, "totalResults": len(list), "startIndex": 1, "itemsPerPage": len(list), "Resources": list,
		}, nil
	}
	for _, one := range list {
		if one["id"] == id {
			return http.StatusOK, one, nil
		}
	}
	return 0, nil, errMissing()
}

func (s *Service) config() map[string]any {
	no := map[string]any{"supported": false}
	return map[string]any{
		"schemas":        []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch":          map[string]any{"supported": true},
		"bulk":           map[string]any{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter":         map[string]any{"supported": true, "maxResults": maxPage},
		"changePassword": no, "sort": no, "etag": no,
		"authenticationSchemes": []map[string]any{{
			"type": "oauthbearertoken", "name": "Bearer token", "description": "The token that the portal showed when the directory was added.", "primary": true,
		}},
		"meta": map[string]any{"resourceType": "ServiceProviderConfig", "location": s.d.PublicURL() + "/scim/v2/ServiceProviderConfig"},
	}
}

func (s *Service) types() []map[string]any {
	one := func(name, endpoint, schema string) map[string]any {
		return map[string]any{
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"}, "id": name, "name": name, "endpoint": endpoint, "schema": schema,
			"meta": map[string]any{"resourceType": "ResourceType", "location": s.d.PublicURL() + "/scim/v2/ResourceTypes/" + name},
		}
	}
	return []map[string]any{one("User", "/Users", schemaUser), one("Group", "/Groups", schemaGroup)}
}

func (s *Service) schemas() []map[string]any {
	attribute := func(name, kind string, many, required bool, sub ...map[string]any) map[string]any {
		out := map[string]any{
			"name": name, "type": kind, "multiValued": many, "required": required, "caseExact": exact(name), "mutability": "readWrite", "returned": "default", "uniqueness": "none",
		}
		if name == "userName" {
			out["uniqueness"] = "server"
		}
		if len(sub) > 0 {
			out["subAttributes"] = sub
		}
		return out
	}
	text := func(name string) map[string]any { return attribute(name, "string", false, false) }
	schema := func(id, name string, attributes ...map[string]any) map[string]any {
		return map[string]any{
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Schema"}, "id": id, "name": name, "attributes": attributes,
			"meta": map[string]any{"resourceType": "Schema", "location": s.d.PublicURL() + "/scim/v2/Schemas/" + id},
		}
	}
	return []map[string]any{
		schema(schemaUser, "User",
			attribute("userName", "string", false, true), text("externalId"), text("displayName"), text("userType"), attribute("active", "boolean", false, false),
			attribute("name", "complex", false, false, text("formatted"), text("givenName"), text("familyName")),
			attribute("emails", "complex", true, false, text("value"), text("type"), attribute("primary", "boolean", false, false))),
		schema(schemaGroup, "Group",
			attribute("displayName", "string", false, true), text("externalId"),
			attribute("members", "complex", true, false, text("value"), text("display"))),
	}
}
