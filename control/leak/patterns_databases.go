package leak

import "slices"

// fiveDigits follow where Oracle's error codes begin.
var fiveDigits = rest{alone: true, of: digits, least: 5, exact: true}

// databases are what databases and their drivers say, by product.
var databases = slices.Concat(
	// PostgreSQL
	everywhere(databaseError, always, "syntax error at or near", "duplicate key value violates", "violates unique constraint", "violates foreign key constraint",
		"violates not-null constraint", "violates check constraint", "violates exclusion constraint", "invalid input syntax for type", "current transaction is aborted",
		"unterminated quoted string at or near", "value too long for type character", "permission denied for relation", "permission denied for table",
		"password authentication failed for user", "no pg_hba.conf entry", "canceling statement due to", "PSQLException", "PG::UniqueViolation", "PG::Undefined",
		"PG::SyntaxError", "PG::NotNull", "PG::ForeignKey", "PG::ConnectionBad", "psycopg2.", "psycopg.errors", "asyncpg.exceptions", "org.postgresql.", "Npgsql.", "SQLSTATE["),
	everywhere(databaseError, aNumber, "SQLSTATE ", "SQLSTATE: "),
	inErrors(databaseError, always, "pq: ", "pg_catalog.", "LINE 1: ", "deadlock detected", `" does not exist`, `\" does not exist`, "null value in column "),
	// MySQL, MariaDB
	everywhere(databaseError, always, "error in your SQL syntax", "MySQL server version for the right", "MariaDB server version for the right", "Unknown column '", "Unknown database '",
		"' for key '", "ER_DUP_ENTRY", "ER_NO_SUCH_TABLE", "ER_PARSE_ERROR", "ER_BAD_FIELD_ERROR", "ER_ACCESS_DENIED_ERROR", "Lost connection to MySQL", "Can't connect to MySQL",
		"Cannot add or update a child row", "Cannot delete or update a parent row", "MySQLSyntaxError", "MySqlException", "com.mysql.", "pymysql.err.", "Mysql2::Error", "mysqli_", "Access denied for user '"),
	inErrors(databaseError, always, "Duplicate entry '", "' doesn't exist", "Data too long for column", "mysql_fetch", "mysql_query", "mysql_num_rows"),
	// SQLite
	everywhere(databaseError, always, "UNIQUE constraint failed", "NOT NULL constraint failed", "FOREIGN KEY constraint failed", "CHECK constraint failed", "SQLITE_",
		"no such table: ", "no such column: ", "no such function: ", `": syntax error`, `\": syntax error`, "database disk image is malformed", "SQL logic error", "SQLite3::", "sqlite3.OperationalError", "sqlite3.IntegrityError"),
	inErrors(databaseError, always, "sqlite3.", "database is locked", "unable to open database file", "unrecognized token: "),
	// Oracle
	everywhere(databaseError, fiveDigits, "ORA-", "PLS-", "TNS-"),
	everywhere(databaseError, always, "oracle.jdbc.", "PL/SQL: ", "OracleException"),
	// SQL Server, ODBC
	everywhere(databaseError, always, "Unclosed quotation mark after", "Incorrect syntax near ", "Violation of PRIMARY KEY", "Violation of UNIQUE KEY", "The INSERT statement conflicted",
		"The UPDATE statement conflicted", "The DELETE statement conflicted", "Cannot insert duplicate key", "Cannot insert the value NULL", "Invalid object name '", "Invalid column name '",
		"Conversion failed when converting", "String or binary data would be truncated", "Microsoft OLE DB Provider", "[Microsoft][ODBC", "[SQL Server]", "System.Data.SqlClient",
		"Microsoft.Data.SqlClient", "com.microsoft.sqlserver.", "Login failed for user '"),
	inErrors(databaseError, always, "SqlException", "Could not find stored procedure"),
	// MongoDB
	everywhere(databaseError, always, "MongoServerError", "MongoNetworkError", "MongoTimeoutError", "MongoWriteException", "MongoServerSelection", "MongooseError", "E11000 duplicate key",
		"Cast to ObjectId failed", "BSONTypeError", "BSONError: ", "pymongo.errors.", "com.mongodb."),
	inErrors(databaseError, always, "MongoError", "CastError"),
	// others, and what maps objects to tables
	everywhere(databaseError, always, "WRONGTYPE Operation against", "NOAUTH Authentication required", "redis.exceptions.", "search_phase_execution_exception", "index_not_found_exception", "DB::Exception",
		"ActiveRecord::", "sqlalchemy.exc.", "django.db.utils.", "PrismaClientKnownRequestError", "SequelizeDatabaseError", "SequelizeUniqueConstraintError",
		"QueryFailedError", "java.sql.SQL", "Microsoft.EntityFrameworkCore", "could not execute statement", "could not extract ResultSet"),
	// SQL itself
	inErrors(databaseError, always, "SELECT ", "INSERT INTO ", "DELETE FROM ", "UPDATE `", " WHERE ", "LEFT JOIN ", "INNER JOIN ", "ORDER BY ", "GROUP BY ", "information_schema", "select * from "),
)
