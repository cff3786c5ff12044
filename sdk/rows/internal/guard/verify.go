package guard

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Finding is something by which row-level security does not hold.
type Finding struct {
	Object string // a table, view, function or role
	Fault  string // what is wrong
	Fix    string // SQL, or what to do
}

// String is one line.
func (f Finding) String() string { return f.Object + ": " + f.Fault + "; " + f.Fix }

const (
	// What the role may do that no policy stops, by itself or as what it is a member of.
	rlsRole = `SELECT r.rolname, r.rolsuper::text, r.rolbypassrls::text FROM pg_catalog.pg_roles r
WHERE (r.rolsuper OR r.rolbypassrls) AND (r.rolname = $1 OR NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = $1) AND pg_catalog.pg_has_role($1::name, r.oid, 'MEMBER')) ORDER BY r.rolname <> $1, r.rolname`
	rlsRelations = `SELECT c.oid::text, c.relrowsecurity::text, c.relforcerowsecurity::text, coalesce(array_to_string(c.reloptions, ','), ''),
(pg_catalog.has_any_column_privilege($1::name, c.oid, 'SELECT, INSERT, UPDATE') OR pg_catalog.has_table_privilege($1::name, c.oid, 'SELECT, INSERT, UPDATE, DELETE'))::text,
pg_catalog.has_table_privilege($1::name, c.oid, 'TRUNCATE')::text FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm')`
	// The policies that apply to the role.
	rlsPolicies = `SELECT p.polrelid::text, p.polname, p.polcmd::text, p.polpermissive::text, coalesce(pg_catalog.pg_get_expr(p.polqual, p.polrelid), ''), coalesce(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), ''),
coalesce((SELECT string_agg(f.oid::regprocedure::text, ', ') FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_proc f ON f.oid = d.refobjid
WHERE d.classid = 'pg_catalog.pg_policy'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_catalog.pg_proc'::regclass AND NOT f.proleakproof), '')
FROM pg_catalog.pg_policy p WHERE EXISTS (SELECT FROM unnest(p.polroles) r WHERE r = 0 OR pg_catalog.pg_has_role($1::name, r, 'USAGE')) ORDER BY p.polname`
	rlsFunctions = `SELECT p.oid::text, p.oid::regprocedure::text FROM pg_catalog.pg_proc p WHERE p.prosecdef AND pg_catalog.has_function_privilege($1::name, p.oid, 'EXECUTE')`
	rlsColumns   = `SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid::text = $1 AND attnum > 0 AND NOT attisdropped AND NOT attnotnull`
)

// verifier looks at one database for one role.
type verifier struct {
	role      string
	ask       Ask
	catalogue *catalogue
	relations map[string][]string
	policies  map[string][][]string
	found     []Finding
}

// Verify looks for everything by which row-level security does not hold for a role;
// "" is the one that is connected.
func Verify(ctx context.Context, ask Ask, role string, w Wanted) ([]Finding, error) {
	d, err := DialectOf(ctx, ask)
	if err != nil {
		return nil, err
	}
	if d != PostgreSQL {
		return nil, fmt.Errorf("rows: row-level security is PostgreSQL's; elsewhere the guard stands alone")
	}
	known, err := ask(ctx, "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = coalesce(nullif($1, ''), current_user)", role)
	if err != nil {
		return nil, fmt.Errorf("rows: asking for the role: %w", err)
	}
	if len(known) == 0 {
		return nil, fmt.Errorf("rows: there is no role %q", role)
	}
	var f Facts
	f.Relations, f.Writes, f.Functions = map[string]string{}, map[string]string{}, map[string]string{}
	c, err := readCatalogue(ctx, ask, w, &f)
	if err != nil {
		return nil, err
	}
	v := &verifier{role: known[0][0], ask: ask, catalogue: c, relations: map[string][]string{}, policies: map[string][][]string{}}
	return v.found, v.all(ctx, w)
}

func (v *verifier) add(object, fault, fix string) {
	v.found = append(v.found, Finding{object, fault, fix})
}

// all looks at everything.
func (v *verifier) all(ctx context.Context, w Wanted) error {
	lists := map[string][][]string{}
	for _, q := range []string{rlsRole, rlsRelations, rlsPolicies, rlsFunctions} {
		found, err := v.ask(ctx, q, v.role)
		if err != nil {
			return fmt.Errorf("rows: looking at row-level security: %w", err)
		}
		lists[q] = found
	}
	for _, r := range lists[rlsRelations] {
		v.relations[r[0]] = r[1:]
	}
	for _, p := range lists[rlsPolicies] {
		v.policies[p[0]] = append(v.policies[p[0]], p[1:])
	}
	for _, r := range lists[rlsRole] {
		what := "has BYPASSRLS"
		if r[1] == "true" {
			what = "is a superuser"
		}
		if r[0] != v.role {
			what = "may become " + r[0] + ", which " + what
		}
		v.add("role "+v.role, what+", whom no policy stops", "connect as another role: CREATE ROLE app LOGIN NOSUPERUSER NOBYPASSRLS")
	}
	for _, t := range w.Tables {
		if err := v.family(ctx, t); err != nil {
			return err
		}
	}
	v.views()
	v.definers(lists[rlsFunctions])
	return nil
}

// family looks at a table, and at its partitions and children.
func (v *verifier) family(ctx context.Context, t WantedTable) error {
	top := v.catalogue.find(t)
	nullable, err := v.ask(ctx, rlsColumns, top)
	if err != nil {
		return fmt.Errorf("rows: looking at the columns of %s: %w", t.Name, err)
	}
	for _, n := range nullable {
		if n[0] == t.Tenant || n[0] == t.Owner {
			v.add(t.full(), "the column "+n[0]+" may be NULL: such rows are nobody's", "ALTER TABLE "+t.full()+" ALTER COLUMN "+Ident(n[0])+" SET NOT NULL")
		}
	}
	for _, c := range v.catalogue.lists[pgColumns+top] { // the types are the database's, whatever was said
		for _, of := range []struct {
			column string
			typ    *Type
		}{{t.Tenant, &t.TenantType}, {t.Owner, &t.OwnerType}} {
			if c[0] == of.column {
				*of.typ = typeOf(c[1])
			}
		}
	}
	v.table(t, top, false)
	for _, child := range v.catalogue.below(top) {
		v.table(t, child, true)
	}
	return nil
}

// table looks at one table; a child without a grant is reached through its parent only.
func (v *verifier) table(t WantedTable, oid string, child bool) {
	r := v.relations[oid]
	name := v.catalogue.relations[oid]
	full, what := Ident(name[0])+"."+Ident(name[1]), "the table"
	if child {
		what = "the partition or child of " + t.Name
		if r[3] != "true" {
			return
		}
	}
	fix := strings.ReplaceAll(strings.TrimSpace(t.Policy(full, v.role)), "\n", " ")
	switch {
	case r[0] != "true":
		v.add(full, what+" has no row-level security, and "+v.role+" may use it", fix)
		return
	case r[1] != "true":
		v.add(full, "the owner is not held by row-level security", "ALTER TABLE "+full+" FORCE ROW LEVEL SECURITY")
	}
	if r[4] == "true" {
		v.add(full, v.role+" may TRUNCATE it, which no policy stops", "REVOKE TRUNCATE ON "+full+" FROM PUBLIC, "+Ident(v.role))
	}
	covered := ""
	for _, p := range v.policies[oid] {
		if p[5] != "" {
			v.add(full, "the policy "+p[0]+" calls "+p[5]+", which is not LEAKPROOF: indexes are not used", "compare in the policy itself")
		}
		if p[2] != "true" { // a restrictive one can only take away
			continue
		}
		covered += p[1]
		if !v.generated(t, p) {
			v.add(full, "the policy "+p[0]+" is not the generated one, and permits what it permits: "+strings.Join(slices.DeleteFunc([]string{p[3], p[4]}, func(s string) bool { return s == "" }), " / "), "DROP POLICY "+Ident(p[0])+" ON "+full+"; "+fix)
		}
	}
	for _, c := range []struct{ letter, name string }{{"r", "SELECT"}, {"a", "INSERT"}, {"w", "UPDATE"}, {"d", "DELETE"}} {
		if !strings.Contains(covered, "*") && !strings.Contains(covered, c.letter) {
			v.add(full, "there is no policy for "+c.name+" by "+v.role, fix)
		}
	}
}

// generated reports whether a policy says what the generated one says. Where WITH CHECK
// is left out, USING is asked for new rows too.
func (v *verifier) generated(t WantedTable, p []string) bool {
	want := plain(t.predicate())
	using, check := plain(p[3]), plain(p[4])
	switch p[1] {
	case "a":
		return check == want
	case "r", "d":
		return using == want
	}
	return using == want && (check == want || p[4] == "")
}

// views looks at what reads guarded tables under another's name.
func (v *verifier) views() {
	for _, oid := range v.catalogue.reached {
		r, name := v.relations[oid], v.catalogue.relations[oid]
		if r == nil || r[3] != "true" {
			continue
		}
		full := Ident(name[0]) + "." + Ident(name[1])
		switch options := strings.ToLower(r[2]); {
		case name[2] == "m":
			v.add(full, "a materialised view keeps rows of all tenants", "REVOKE ALL ON "+full+" FROM PUBLIC, "+Ident(v.role))
		case name[2] == "v" && !slices.ContainsFunc([]string{"true", "on", "1", "yes"}, func(on string) bool {
			return slices.Contains(strings.Split(options, ","), "security_invoker="+on)
		}):
			v.add(full, "the view reads a guarded table as its owner", "ALTER VIEW "+full+" SET (security_invoker = true)")
		}
	}
}

// definers looks at functions that are run as their owner.
func (v *verifier) definers(list [][]string) {
	for _, f := range list {
		if why := v.catalogue.functions[f[0]]; why != "" {
			v.add("function "+f[1], "it is SECURITY DEFINER and "+v.role+" may call it: "+why, "ALTER FUNCTION "+f[1]+" SECURITY INVOKER, or REVOKE EXECUTE ON FUNCTION "+f[1]+" FROM PUBLIC")
		}
	}
}
