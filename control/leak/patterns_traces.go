package leak

import "slices"

var (
	always  = rest{}
	aNumber = rest{of: digits, least: 1}
)

// traces are what stack traces and the messages of uncaught errors consist of, by language.
var traces = slices.Concat(
	// Python
	everywhere(stackTrace, always, "Traceback (most recent call last)", "During handling of the above exception", "django.core.exceptions.", "werkzeug.exceptions."),
	everywhere(stackTrace, aNumber, `.py", line `, `.py\", line `, `<stdin>", line `, `<stdin>\", line `, `<string>", line `, `<string>\", line `),
	inErrors(stackTrace, aNumber, ".py:"),
	inErrors(stackTrace, always, "site-packages/", "in <module>"),
	// Go
	everywhere(stackTrace, always, "panic: runtime error", "runtime/debug.Stack", "runtime.gopanic", "invalid memory address or nil pointer", "runtime.goexit"),
	everywhere(stackTrace, aNumber, "goroutine ", ".go:"),
	inErrors(stackTrace, always, "panic: "),
	// Java, Kotlin, Scala
	everywhere(stackTrace, aNumber, ".java:", ".kt:", ".scala:"),
	everywhere(stackTrace, always, "(Native Method)", "(Unknown Source)", "java.lang.", "java.io.IOException", "java.io.FileNotFound", "java.util.concurrent.",
		"java.util.NoSuchElement", "java.net.ConnectException", "java.net.Socket", "java.net.UnknownHost", "javax.servlet.", "jakarta.servlet.", "javax.naming.", "Exception in thread ",
		"org.springframework.", "org.hibernate.", "org.apache.catalina.", "org.apache.tomcat.", "org.apache.coyote.", "org.eclipse.jetty.", "io.netty.", "com.fasterxml.jackson.",
		"kotlinx.coroutines.", "reactor.core.publisher", "$$EnhancerBySpringCGLIB$$"),
	inErrors(stackTrace, always, "Caused by: ", "Whitelabel Error Page", `\tat `, "\tat ", "NullPointerException"),
	// .NET
	everywhere(stackTrace, aNumber, ".cs:line ", ".vb:line "),
	everywhere(stackTrace, always, "System.NullReferenceException", "System.InvalidOperationException", "System.ArgumentException", "System.ArgumentNullException",
		"System.AggregateException", "System.IO.FileNotFound", "System.Net.Http.HttpRequestException", "System.Threading.Tasks.", "System.Web.Http", "Microsoft.AspNetCore.",
		"--- End of stack trace from", "--- End of inner exception", "Server Error in '/"),
	inErrors(stackTrace, always, "System.Private.CoreLib", "StackTrace"),
	// Node.js
	everywhere(stackTrace, always, "at Object.<anonymous>", "(node:internal/", "at Module._compile", "at processTicksAndRejections", "UnhandledPromiseRejection",
		"Cannot read properties of undefined", "Cannot read properties of null", "Cannot read property '", "Cannot destructure property"),
	inErrors(stackTrace, aNumber, ".js:", ".ts:", ".mjs:", ".cjs:", ".jsx:", ".tsx:"),
	inErrors(stackTrace, always, "node_modules/", "ReferenceError: ", "TypeError: ", "RangeError: ", "webpack-internal:"),
	// PHP
	everywhere(stackTrace, aNumber, ".php:", ".php("),
	everywhere(stackTrace, always, ".php on line ", "</b> on line <b>", "PHP Fatal error", "PHP Parse error", "PHP Warning: ", "PHP Notice: ", "Fatal error: Uncaught ", "#0 {main}", "{main}\n  thrown in", `{main}\n  thrown in`,
		`Symfony\Component\`, `Symfony\\Component\\`, `Illuminate\Database\`, `Illuminate\\Database\\`, `Doctrine\DBAL\`, `Doctrine\\DBAL\\`),
	inErrors(stackTrace, always, "Stack trace:", "vendor/laravel/", "vendor/symfony/"),
	// Ruby
	everywhere(stackTrace, aNumber, ".rb:", ".erb:"),
	everywhere(stackTrace, always, "ActionController::", "ActionView::", "NoMethodError", "undefined method `", "undefined local variable or method"),
	inErrors(stackTrace, always, "undefined method '", "/gems/"),
	// Rust, C and C++, Elixir
	everywhere(stackTrace, aNumber, ".rs:"),
	everywhere(stackTrace, always, "panicked at ", "stack backtrace:", "RUST_BACKTRACE", "core::panicking::", "called `Result::unwrap()`", "called `Option::unwrap()`",
		"terminate called after throwing", "AddressSanitizer: "),
	inErrors(stackTrace, always, "Segmentation fault", "core dumped", "std::bad_alloc"),
	inErrors(stackTrace, aNumber, ".ex:", ".exs:", ".cpp:"),
)
