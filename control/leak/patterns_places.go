package leak

import "slices"

// rooted paths begin where no URL or other path goes on.
var rooted = rest{but: func(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	c := b[len(b)-1]
	return (alnum.has(c) || c == '.' || c == '-' || c == '_' || c == '}' || c == '~') && !alone(b)
}}

// places are absolute paths, hosts of the inside, and products. A success may
// speak of them.
var places = slices.Concat(
	inErrors(filePath, rooted, "/home/", "/root/", "/var/", "/usr/", "/opt/", "/srv/", "/tmp/", "/etc/", "/proc/", "/mnt/", "/run/secrets/", "/private/var/", "/go/src/", "/workspace/",
		`\/home\/`, `\/root\/`, `\/var\/`, `\/usr\/`, `\/opt\/`, `\/srv\/`, `\/tmp\/`, `\/etc\/`, `\/mnt\/`),
	inErrors(filePath, always, "/etc/passwd", "file:///", `file:\/\/\/`, `:\Users\`, `:\\Users\\`, `:\inetpub\`, `:\\inetpub\\`, `:\Windows\`, `:\\Windows\\`, `:\Program Files`, `:\\Program Files`,
		`:\ProgramData\`, `:\\ProgramData\\`, `:\src\`, `:\\src\\`, `:\Temp\`, `:\\Temp\\`, "ENOENT: ", "EACCES: "),

	everywhere(hostName, always, ".svc.cluster.local", "169.254.169.254", "metadata.google.internal", ".compute.internal", ".ec2.internal", "kubernetes.default.svc", "host.docker.internal"),
	inErrors(hostName, aNumber, "127.0.0.1:", "0.0.0.0:", "[::1]:", "localhost:", ".internal:", ".local:", ".lan:", "port="),
	inErrors(hostName, always, "connection refused", "Connection refused", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN", "getaddrinfo", "no such host", "dial tcp", "i/o timeout",
		"upstream connect error", "Name or service not known", "Temporary failure in name resolution", "jdbc:", ".service.consul"),
	inErrors(product, aNumber, "nginx/", "openresty/", "Apache/", "Apache Tomcat/", "Tomcat/", "Jetty/", "PHP/", "Microsoft-IIS/", "IIS/", "OpenSSL/", "Werkzeug/", "gunicorn/", "Express/", "Python/", "Server at "),
)
