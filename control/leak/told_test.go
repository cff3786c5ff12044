package leak

import (
	"slices"
	"testing"
)

// told are texts as they are really sent, and near ones that are no leak. Those
// with errors tell something in an error alone.
var told = []struct {
	what   what
	errors bool
	hit    string
	miss   string
}{
	{stackTrace, false, `{"e":"Traceback (most recent call last):\n  File \"<string>\", line 1"}`, `{"e":"the traceback, most recent call last, is secret"}`},
	{stackTrace, false, `File \"/app/orders.py\", line 12, in get`, `{"file":"orders.py","line":12}`},
	{stackTrace, false, "panic: runtime error: index out of range [3]", `{"note":"no panic, runtime is 3 h"}`},
	{stackTrace, false, "goroutine 7 [running]:", `{"course":"goroutine basics"}`},
	{stackTrace, false, `main.main()\n\t/src/main.go:12 +0x1d`, `{"path":"main.go","size":12}`},
	{stackTrace, false, `at com.acme.Orders.get(Orders.java:42)`, `{"path":"Orders.java","line":42}`},
	{stackTrace, false, `Exception in thread \"main\" x`, `{"title":"An exception in the thread"}`},
	{stackTrace, false, `org.springframework.web.util.NestedServletException`, `{"package":"springframework"}`},
	{stackTrace, true, `{"trace":"x\n\tat a.B.c(D)"}`, `{"text":"one\n\ttab at home"}`},
	{stackTrace, false, `at Shop.Get() in Orders.cs:line 42`, `{"path":"Orders.cs","line":42}`},
	{stackTrace, false, `System.NullReferenceException: Object reference`, `{"doc":"NullReferenceException explained"}`},
	{stackTrace, false, `Error: x\n    at Module._compile (internal/x)`, `{"text":"look at Module A"}`},
	{stackTrace, false, `Cannot read properties of undefined (reading 'id')`, `{"text":"cannot read the properties of this house"}`},
	{stackTrace, true, `at get (/app/orders.ts:12:7)`, `{"path":"orders.ts"}`},
	{stackTrace, false, `#0 /app/index.php(12): get()`, `{"url":"https://example.com/index.php?a=1"}`},
	{stackTrace, false, `<b>Warning</b>: x in <b>y</b> on line <b>12</b>`, `{"html":"<b>on line</b> 12"}`},
	{stackTrace, false, `Illuminate\\Database\\QueryException`, `{"word":"illuminate the database"}`},
	{stackTrace, false, "undefined method `id' for nil:NilClass", `{"text":"an undefined method"}`},
	{stackTrace, false, "app/models/order.rb:12:in `find'", `{"path":"order.rb"}`},
	{stackTrace, false, `thread 'main' panicked at src/main.rs:4:5`, `{"text":"the crowd panicked"}`},
	{stackTrace, false, "called `Option::unwrap()` on a `None` value", `{"text":"Option and unwrap"}`},
	{databaseError, false, `ERROR: syntax error at or near \"FROM\"`, `{"text":"a syntax error near line 3"}`},
	{databaseError, false, `new row violates check constraint \"x\"`, `{"text":"this violates a constraint"}`},
	{databaseError, false, `failed (SQLSTATE 23505)`, `{"text":"SQLSTATE codes explained"}`},
	{databaseError, true, `relation \"orders\" does not exist`, `{"error":"the order does not exist"}`},
	{databaseError, false, `Duplicate entry 'x' for key 'users.email'`, `{"text":"for keys of all kinds"}`},
	{databaseError, false, `Unknown column 'x' in 'field list'`, `{"text":"an unknown column"}`},
	{databaseError, false, `ER_DUP_ENTRY: x`, `{"code":"USER_DUP"}`},
	{databaseError, false, `NOT NULL constraint failed: orders.id`, `{"text":"is not null"}`},
	{databaseError, false, `near \"FROM\": syntax error`, `{"text":"syntax error"}`},
	{databaseError, false, `ORA-00942: table or view does not exist`, `{"sku":"FLORA-00942","b":"ORA-12","c":"ORA-1234567"}`},
	{databaseError, false, `TNS-12541: no listener`, `{"sku":"TNS-1"}`},
	{databaseError, false, `Incorrect syntax near 'x'.`, `{"text":"the syntax is incorrect"}`},
	{databaseError, false, `Violation of PRIMARY KEY constraint`, `{"text":"violation of the rules"}`},
	{databaseError, false, `MongoServerError: E11000`, `{"text":"Mongo server"}`},
	{databaseError, false, `Cast to ObjectId failed for value`, `{"text":"cast to an object"}`},
	{databaseError, false, `sqlalchemy.exc.ProgrammingError`, `{"text":"sqlalchemy"}`},
	{databaseError, true, `{"sql":"SELECT id FROM orders"}`, `{"text":"Select an order"}`},
	{filePath, true, `open /var/lib/orders/1: x`, `{"url":"https://example.com/var/lib"}`},
	{filePath, true, `{"error":"x\n/var/www/index"}`, `{"link":"/orders/var/1"}`},
	{filePath, true, `"\/var\/www\/html\/x"`, `"https:\/\/example.com\/var\/www"`},
	{filePath, true, `"/etc/orders.conf"`, `"and so on/etc/"`},
	{filePath, true, `C:\\Program Files\\x`, `{"text":"program files"}`},
	{secretKey, false, `-----BEGIN EC PRIVATE KEY-----`, `-----BEGIN PUBLIC KEY-----`},
	{secretKey, false, `-----BEGIN PGP PRIVATE KEY BLOCK-----`, `-----BEGIN PGP PUBLIC KEY BLOCK-----`},
	{secretKey, false, `"AKIAIOSFODNN7EXAMPLE"`, `"AKIAIOSFODNN7EXAMPL", "xAKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLEX", "akiaiosfodnn7example"`},
	{secretKey, false, `"id":"ASIAIOSFODNN7EXAMPLE"`, `https://s3.example.com/x?X-Amz-Credential=ASIAIOSFODNN7EXAMPLE%2F20261121`},
	{secretKey, false, `ghp_abcdefghijklmnopqrstuvwxyz0123456789`, `ghp_abcdefghijklmnopqrstuvwxyz012345678`},
	{secretKey, false, `github_pat_11ABCDEFG0abcdefghijkl_abcdefghijklmnopqrst`, `github_pat_tokens_are_long`},
	{secretKey, false, `glpat-abcdefghij0123456789`, `glpat-short`},
	{secretKey, false, `xoxb-123456789012-abcdefgh`, `xoxb-1234`},
	{secretKey, false, `sk_live_abcdefghijklmnop`, `task_live_abcdefghijklmnop, sk_test_abcdefghijklmnop`},
	{secretKey, false, `rk_live_abcdefghijklmnop`, `rk_live_`},
	{secretKey, false, `AIzaSyA-1234567890abcdefghijklmnopqrstu`, `AIza is a prefix`},
	{secretKey, false, `https://hooks.slack.com/services/T00000000/B0/x`, `https://hooks.slack.com/services/`},
	{secretKey, false, `AccountKey=abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV+/==`, `AccountKey=...`},
	{secretKey, true, `bad token eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2ln`, `{"cursor":"eyJpZCI6NDJ9"}`},
	{secretKey, true, `Bearer abcdefghijklmnopqrstuvwxyz`, `Bearer authentication`},
	{passwordHash, false, `"$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"`, `"costs $2b$ more, or $2b$10$"`},
	{passwordHash, false, `$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA`, `argon2id`},
	{passwordHash, false, `pbkdf2_sha256$260000$salt$hash`, `pbkdf2_sha256`},
	{connection, false, `postgres://orders:s3cret@db:5432/orders`, `postgres://db:5432/orders, postgres://orders@db/orders, postgres://u:***@db`},
	{connection, false, `mongodb+srv:\/\/u:p@c.example.net`, `mongodb+srv:\/\/c.example.net`},
	{connection, false, `redis://:secret@cache:6379`, `redis://cache:6379/0?a=b@c`},
	{connection, false, `Server=db;User Id=sa;Password=hunter2;`, `Server=db;User Id=sa;Password=***;`},
	{hostName, false, `http://orders.prod.svc.cluster.local/`, `http://orders.example.com/`},
	{hostName, true, `dial to 10.0.3.7 failed`, `version 10.0.3, 110.0.3.7, 10.0.3.7.8`},
	{hostName, true, `"192.168.4.5"`, `"192.169.4.5", "1192.168.4.5"`},
	{hostName, true, `x\n172.16.0.9`, `172.32.0.9`},
	{product, true, `<center>nginx/1.18.0</center>`, `<center>nginx</center>`},
	{product, true, `Apache/2.4.41 (Ubuntu) Server`, `an Apache helicopter`},
	{personal, true, `{"error":"no user alice@example.com"}`, `{"error":"write to support@example.com, NOREPLY@example.com"}`},
	{personal, true, `account DE89 3704 0044 0532 0130 00 is closed`, `account DE89 3704 0044 0532 0130 01 is closed`},
	{cardNumber, true, `card 4111111111111111 was declined`, `card 4111111111111112 was declined, and 1732200000000 too`},
}

// output.errors
func TestLeaksAreToldFromWhatLooksLikeThem(t *testing.T) {
	l := &look{successes: newScanner(inSuccesses()), errors: newScanner(patterns), cards: "block"}
	seen := map[what]int{}
	for _, c := range told {
		seen[c.what]++
		success := func(s string) what { found, _ := l.success([]byte(s), false); return found }
		failure := func(s string) what { return l.failure([]byte(s)) }
		if got := failure(c.hit); got != c.what {
			t.Errorf("error %s: %q; want %q", c.hit, whats[got], whats[c.what])
		}
		if got := failure(c.miss); got != nothing {
			t.Errorf("error %s: %q; want nothing", c.miss, whats[got])
		}
		want := c.what
		if c.errors && c.what != cardNumber {
			want = nothing
		}
		if got := success(c.hit); got != want {
			t.Errorf("success %s: %q; want %q", c.hit, whats[got], whats[want])
		}
		if got := success(c.miss); got != nothing {
			t.Errorf("success %s: %q; want nothing", c.miss, whats[got])
		}
	}
	for w := stackTrace; int(w) < len(whats); w++ {
		if seen[w] == 0 {
			t.Errorf("nothing is told of %s", whats[w])
		}
	}
	if len(told) < 70 || slices.Contains(whats[1:], "") {
		t.Errorf("%d texts", len(told))
	}
}
