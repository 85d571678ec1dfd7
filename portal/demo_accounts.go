package portal

import (
	"context"
	"fmt"
	"strconv"

	"sphera/internal/catalog"
)

// demoAccounts is how many customers the demo's organisation has: those that
// previews of flags count.
const demoAccounts = 480

// seedAccounts makes the customers of the demo's organisation, the same in
// every data folder.
func seedAccounts(ctx context.Context, p *parts) error {
	text := func(title string, values ...any) catalog.Property {
		return catalog.Property{Type: "string", Title: title, Enum: values}
	}
	_, _, err := p.catalog.PutBlueprint(ctx, catalog.Blueprint{
		Identifier: "Account", Title: "Account", Icon: "building", Description: "Customers. Previews of flags say how many of them get something else.",
		Schema: catalog.BlueprintSchema{Properties: map[string]catalog.Property{
			"plan": text("Plan", "free", "team", "enterprise"), "country": text("Country"),
			"seats": {Type: "number", Title: "Seats"}, "beta": {Type: "boolean", Title: "Takes part in betas"},
		}},
	}, systemActor)
	if err != nil {
		return fmt.Errorf("make the blueprint Account: %w", err)
	}
	list := make([]catalog.NewEntity, 0, demoAccounts)
	for i := range demoAccounts {
		list = append(list, demoAccount(i))
	}
	items, err := p.catalog.PutMany(ctx, "Account", list, catalog.Write{Upsert: true, By: systemActor})
	if err != nil {
		return fmt.Errorf("make the accounts: %w", err)
	}
	for _, item := range items {
		if item.Err != nil {
			return fmt.Errorf("make the account %s: %w", item.Identifier, item.Err)
		}
	}
	return nil
}

func demoAccount(i int) catalog.NewEntity {
	var (
		first     = []string{"Amber", "Bell", "Cedar", "Delta", "Elm", "Fern", "Grove", "Harbour", "Ivy", "Juniper", "Kite", "Linden", "Maple", "North", "Olive", "Pear", "Quince", "River", "Sage", "Thyme", "Umber", "Violet", "Willow", "Yarrow"}
		second    = []string{"Bakery", "Bistro", "Canteen", "Catering", "Deli", "Diner", "Foods", "Grocers", "Hotel", "Kitchen", "Market", "Organics", "Pantry", "Produce", "Restaurants", "School", "Shop", "Stores", "Suppers", "Tables"}
		countries = []string{"DE", "DE", "FR", "NL", "GB", "IL", "ES", "US", "US", "PL"}
	)
	plan, seats := "free", 1+i%4
	switch {
	case i%12 == 0:
		plan, seats = "enterprise", 60+i%340
	case i%12 < 5:
		plan, seats = "team", 5+i%40
	}
	title := first[i%len(first)] + " " + second[i/len(first)%len(second)]
	return catalog.NewEntity{
		Identifier: strconv.Itoa(1001 + i), Title: title,
		Properties: map[string]any{"plan": plan, "country": countries[i*7%len(countries)], "seats": seats, "beta": i%9 == 0},
	}
}
