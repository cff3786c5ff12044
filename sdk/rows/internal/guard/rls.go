package guard

import (
	"fmt"
	"strings"
)

// The settings that a transaction has while it works for a caller.
const (
	tenantSetting = "gatehouse.tenant"
	userSetting   = "gatehouse.user"
)

// casts are the types of columns that a setting must be cast to.
var casts = map[Type]string{Text: "", Integer: "::bigint", UUID: "::uuid"}

// full is the table's name with its schema, in quotes.
func (t WantedTable) full() string {
	schema := t.Schema
	if schema == "" {
		schema = "public"
	}
	return Ident(schema) + "." + Ident(t.Name)
}

// policyName is what the generated policy is called.
func (t WantedTable) policyName() string {
	if t.Tenant == "" {
		return "gatehouse_owner"
	}
	return "gatehouse_tenant"
}

// predicate is the generated policy's condition. The sub-select is run once for each
// query; a setting that a connection has had once reads as empty afterwards, hence nullif.
func (t WantedTable) predicate() string {
	var all []string
	for _, c := range []struct {
		column, setting string
		typ             Type
	}{{t.Tenant, tenantSetting, t.TenantType}, {t.Owner, userSetting, t.OwnerType}} {
		if c.column != "" {
			all = append(all, fmt.Sprintf("%s = (SELECT nullif(current_setting('%s', true), '')%s)", Ident(c.column), c.setting, casts[c.typ]))
		}
	}
	return strings.Join(all, " AND ")
}

// Policy returns the statements that put a table, or its partition of that name, under
// row-level security for a role. They may be run again.
func (t WantedTable) Policy(full, role string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "ALTER TABLE %s ENABLE ROW LEVEL SECURITY;\nALTER TABLE %[1]s FORCE ROW LEVEL SECURITY;\n", full)
	fmt.Fprintf(&b, "DROP POLICY IF EXISTS %s ON %s;\nCREATE POLICY %[1]s ON %[2]s TO %[3]s\n\tUSING      (%[4]s)\n\tWITH CHECK (%[4]s);\n", t.policyName(), full, Ident(role), t.predicate())
	fmt.Fprintf(&b, "REVOKE TRUNCATE ON %s FROM PUBLIC, %s;\n", full, Ident(role))
	return b.String()
}

// Migration returns the SQL that puts tables under row-level security for a role.
func Migration(role string, tables []WantedTable) string {
	var b strings.Builder
	b.WriteString("-- Row-level security by Gatehouse, to be run by the tables' owner. It may be run again.\n" +
		"-- Partitions and children that somebody may read by their own names need policies of\n" +
		"-- their own: gatehouse policy rls verify finds them, and prints these.\nBEGIN;\n")
	for _, t := range tables {
		b.WriteString("\n" + t.Policy(t.full(), role))
		for _, c := range []struct {
			column string
			typ    Type
		}{{t.Tenant, t.TenantType}, {t.Owner, t.OwnerType}} {
			if c.column == "" {
				continue
			}
			fmt.Fprintf(&b, "ALTER TABLE %s ALTER COLUMN %s SET NOT NULL;\n", t.full(), Ident(c.column))
			if c.typ == Text {
				name := Ident("gatehouse_" + c.column)
				fmt.Fprintf(&b, "ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s;\nALTER TABLE %[1]s ADD CONSTRAINT %[2]s CHECK (%[3]s <> '');\n", t.full(), name, Ident(c.column))
			}
		}
	}
	b.WriteString("\nCOMMIT;\n")
	return b.String()
}

// plain takes out of a condition what PostgreSQL adds when it prints it. The generated
// ones compare, and join with AND: without parentheses they mean the same.
func plain(condition string) string {
	condition = strings.NewReplacer(` AS "nullif"`, "", ` AS nullif`, "").Replace(condition)
	condition = strings.NewReplacer("::text", "", "::character varying", "", "(", "", ")", "", `"`, "", " ", "", "\n", "", "\t", "").Replace(condition)
	return strings.ToLower(condition)
}
