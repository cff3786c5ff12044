package leak

// what is leaked.
type what uint8

const (
	nothing what = iota
	stackTrace
	databaseError
	filePath
	secretKey
	hostName
)

var whats = [...]string{"", "stack trace", "database error", "file path", "secret key", "host name"}

// follow is what must stand behind a pattern's text.
type follow uint8

const (
	anything follow = iota
	aDigit
	letters // 16 letters, digits, hyphens or underscores
)

// pattern is a text that tells something.
type pattern struct {
	text   string
	what   what
	follow follow
	// errorsOnly patterns may stand in a success: they are ordinary words of some
	// API, and tell something in an error alone.
	errorsOnly bool
}

// patterns are distinctive texts of at least four bytes each.
var patterns = []pattern{
	{text: "Traceback (most recent call last)", what: stackTrace},
	{text: ".java:", what: stackTrace, follow: aDigit},
	{text: ".kt:", what: stackTrace, follow: aDigit},
	{text: "(Native Method)", what: stackTrace},
	{text: "(Unknown Source)", what: stackTrace},
	{text: "Caused by: ", what: stackTrace, errorsOnly: true},
	{text: "java.lang.", what: stackTrace},
	{text: "org.springframework.", what: stackTrace},
	{text: "org.hibernate.", what: stackTrace},
	{text: ".cs:line ", what: stackTrace, follow: aDigit},
	{text: "System.NullReferenceException", what: stackTrace},
	{text: "Microsoft.AspNetCore.", what: stackTrace},
	{text: "goroutine ", what: stackTrace, follow: aDigit},
	{text: "runtime/debug.Stack", what: stackTrace},
	{text: ".go:", what: stackTrace, follow: aDigit},
	{text: "panic: ", what: stackTrace, errorsOnly: true},
	{text: "at Object.<anonymous>", what: stackTrace},
	{text: "(node:internal/", what: stackTrace},
	{text: "node_modules/", what: stackTrace, errorsOnly: true},
	{text: ".js:", what: stackTrace, follow: aDigit, errorsOnly: true},
	{text: ".py\\\", line ", what: stackTrace, follow: aDigit},
	{text: ".py\", line ", what: stackTrace, follow: aDigit},
	{text: ".rb:", what: stackTrace, follow: aDigit},
	{text: ".php:", what: stackTrace, follow: aDigit},
	{text: ".php on line ", what: stackTrace},
	{text: "PHP Fatal error", what: stackTrace},
	{text: "Stack trace:", what: stackTrace, errorsOnly: true},
	{text: "panicked at ", what: stackTrace},
	{text: "ActiveRecord::", what: databaseError},
	{text: "SQLSTATE[", what: databaseError},
	{text: "ORA-0", what: databaseError, follow: aDigit},
	{text: "ORA-1", what: databaseError, follow: aDigit},
	{text: "error in your SQL syntax", what: databaseError},
	{text: "syntax error at or near", what: databaseError},
	{text: "Unclosed quotation mark after", what: databaseError},
	{text: "duplicate key value violates", what: databaseError},
	{text: "violates foreign key constraint", what: databaseError},
	{text: "violates not-null constraint", what: databaseError},
	{text: "violates check constraint", what: databaseError},
	{text: "UNIQUE constraint failed", what: databaseError},
	{text: "SQLITE_", what: databaseError},
	{text: "sqlite3.", what: databaseError, errorsOnly: true},
	{text: "no such table: ", what: databaseError},
	{text: "no such column: ", what: databaseError},
	{text: "Unknown column '", what: databaseError},
	{text: "psycopg2.", what: databaseError},
	{text: "com.mysql.", what: databaseError},
	{text: "org.postgresql.", what: databaseError},
	{text: "System.Data.SqlClient", what: databaseError},
	{text: "MongoServerError", what: databaseError},
	{text: "E11000 duplicate key", what: databaseError},
	{text: "pq: ", what: databaseError, errorsOnly: true},
	{text: "SELECT ", what: databaseError, errorsOnly: true},
	{text: "INSERT INTO ", what: databaseError, errorsOnly: true},
	{text: "/etc/passwd", what: filePath, errorsOnly: true},
	{text: "/home/", what: filePath, errorsOnly: true},
	{text: "/root/", what: filePath, errorsOnly: true},
	{text: "/var/", what: filePath, errorsOnly: true},
	{text: "/usr/", what: filePath, errorsOnly: true},
	{text: "/opt/", what: filePath, errorsOnly: true},
	{text: "/srv/", what: filePath, errorsOnly: true},
	{text: "/tmp/", what: filePath, errorsOnly: true},
	{text: ":\\\\Users\\\\", what: filePath, errorsOnly: true},
	{text: ":\\Users\\", what: filePath, errorsOnly: true},
	{text: ":\\inetpub\\", what: filePath, errorsOnly: true},
	{text: ":\\\\inetpub\\\\", what: filePath, errorsOnly: true},
	{text: "PRIVATE KEY-----", what: secretKey},
	{text: "AKIA", what: secretKey, follow: letters},
	{text: "ghp_", what: secretKey, follow: letters},
	{text: "github_pat_", what: secretKey, follow: letters},
	{text: "xoxb-", what: secretKey, follow: letters},
	{text: "xoxp-", what: secretKey, follow: letters},
	{text: "sk_live_", what: secretKey, follow: letters},
	{text: ".svc.cluster.local", what: hostName},
	{text: "169.254.169.254", what: hostName},
	{text: "127.0.0.1:", what: hostName, follow: aDigit, errorsOnly: true},
	{text: "localhost:", what: hostName, follow: aDigit, errorsOnly: true},
	{text: ".internal:", what: hostName, follow: aDigit, errorsOnly: true},
	{text: "connection refused", what: hostName, errorsOnly: true},
	{text: "ECONNREFUSED", what: hostName, errorsOnly: true},
	{text: "no such host", what: hostName, errorsOnly: true},
}
