-- all
always true => select id from orders where id = 1 or 1=1
union with everything => select id from orders where id = 0 union all select id from orders
comment hides the rest => select id from orders where id = 1 --
in a subquery => select (select max(amount) from orders) as m
in a join => select b.id from orders a join orders b on 1=1 where a.id = 7
upper case => SELECT ID FROM Orders WHERE 1=1
quoted => select id from "orders"
comment between => select id from/**/orders
line breaks between => select id\nfrom\n\torders
WITH puts another table in its place => with orders as (select 1 as id) select * from orders
WITH in a subquery => select * from (with orders as (select 1 as id) select * from orders) x
WITH with columns => with orders(id) as (select 1) select * from orders
WITH materialized => with orders as materialized (select 1) select * from orders
recursive WITH => with recursive orders(n) as (select 1 union all select n + 1 from orders where n < 3) select * from orders
several statements => select 1; delete from orders
several statements behind a comment => select * from orders; -- \ndelete from orders
no statement => ;
nothing => /* nothing */
unterminated string => select 'x from orders
unterminated name => select "x from orders
unterminated comment => select 1 /* from orders
parenthesis not closed => select (id from orders
parenthesis not open => select id) from orders
bracket closed by a parenthesis => select a[1) from orders
string after a string => select 'a' 'b' from orders
string after a word => select id from orders where status = n'open'
a null byte's place => select \u0000 from orders
carriage return in a comment => select 1 -- \r union all select id from orders
byte order mark => select id from ﻿orders
a word behind a number => select 1from orders
a dollar => select $ from orders
setting the tenant => update orders set tenant_id = 't2'
setting the tenant in upper case => update orders set TENANT_ID = 't2'
setting the tenant, quoted => update orders set "tenant_id" = 't2' where id = 1
setting the tenant among others => update orders set status = 'x', tenant_id = 't3', note = 'y'
setting the tenant in a row => update orders set (status, tenant_id) = ('x', 't3')
setting the tenant behind a row => update orders set (status, note) = ('x', 'y'), tenant_id = 't3'
setting the owner => update notes set user_id = 'u2'
setting one of two => update tasks set user_id = 'u3'
inserting for another tenant => insert into orders (id, tenant_id, owner_id, status, amount) values (9001, 't1', 'u1', 'x', 1)
inserting for another tenant, quoted => insert into orders (id, "tenant_id", owner_id, status, amount) values (9001, 't1', 'u1', 'x', 1)
inserting for another owner => insert into notes (id, user_id, body) values (9001, 'u3', 'x')
inserting without columns => insert into orders values (9001, 't1', 'u1', 'x', 1)
inserting a query => insert into orders (id, owner_id, status, amount) select id + 1000, owner_id, status, amount from orders
inserting defaults => insert into orders default values
inserting one value more => insert into orders (id, owner_id) values (9001, 'u1', 't1')
inserting rows of different length => insert into notes (id, body) values (9001, 'x'), (9002, 'x', 'u3')
upsert of another's row => insert into orders (id, owner_id, status, amount) values (1, 'u1', 'x', 1) on conflict (id) do update set status = 'stolen'
upsert with a condition => insert into orders (id, owner_id, status, amount) values (1, 'u1', 'x', 1) on conflict (id) do update set status = 'stolen' where true returning id
update of everything => update orders set status = 'x' where 1=1 or id = 1
update with a comment at its end => update orders set status = 'x' where id = 1 --
update that closes the parenthesis => update orders set status = 'x' where id = 1) or (1=1
update with two WHERE => update orders set status = 'x' where id = 1 where 1=1
update without WHERE => update orders set status = 'x'
update by a word that looks like another => update orders set status = 'where' || 'x' where id = id
update reads others => update orders set note = (select max(tenant_id) from orders)
update of a table in parentheses => update (orders) set status = 'x'
update with another table's rows => update jobs set state = (select max(tenant_id) from orders)
delete of everything => delete from items where 1=1 or id = 1
delete without WHERE => delete from items
delete with an alias => delete from items as i where i.tenant_id = 't1' or true
delete with two WHERE => delete from items where true where true
a view => select * from totals
a view, quoted => select * from "totals"
a view of a view => select * from totals_twice
a view in upper case => select * from TOTALS
its schema in front => select * from public.orders
its schema in front, quoted => select * from "public"."orders"
its schema in front with spaces => select * from public . orders
any schema in front => select * from whatever.orders
its schema in front in a join => select * from jobs join public.orders o on o.id = jobs.order_id
its schema in front to update => update public.orders set status = 'x'
its schema in front to delete => delete from public.items
its schema in front to insert => insert into public.orders (id, tenant_id, owner_id, status, amount) values (9001, 't1', 'u1', 'x', 1)
begin => begin
commit => commit
rollback => rollback
end => end
explain => explain select * from orders
create table => create table copied as select * from orders
create a table of its name => create temp table orders (id int)
create view => create view v as select * from orders
create trigger => create trigger t after insert on jobs begin delete from items; end
drop => drop table orders
alter => alter table orders rename to x
vacuum => vacuum
analyze => analyze orders
replace => replace into orders (id, owner_id, status, amount) values (1, 'u', 'x', 1)
truncate => truncate orders
a rollback that is more => rollback to a; delete from orders
savepoint that is more => savepoint a b
a condition that fails on others' rows => select id from orders where 1 / (case when tenant_id <> 't2' then 0 else 1 end) = 1
a subquery in ORDER BY => select id from orders where amount < 30 order by (select max(o.amount) from orders o where o.tenant_id <> 't2'), id
a subquery in LIMIT => select id from jobs order by id limit (select count(*) from orders where tenant_id <> 't2')
a subquery in OFFSET => select id from jobs order by id limit 3 offset (select count(*) from orders where tenant_id <> 't2')
a subquery in RETURNING => update orders set note = 'x' where id = 2 returning (select count(*) from orders)
a subquery in RETURNING of DELETE => delete from items where id = 2 returning (select count(*) from orders)
a subquery in RETURNING of INSERT => insert into notes ( id, body ) values ( 9001, 'x' ) returning (select count(*) from orders)
RETURNING in a table that is not guarded => insert into reports (id, what, n) values (1, 'x', 1) returning (select count(*) from orders)
update of a table that is not guarded, by FROM => update jobs set state = o.tenant_id from orders o where o.id = jobs.order_id
update of a table that is not guarded returns others => update jobs set state = 'x' where order_id in (select id from orders) returning id, (select max(tenant_id) from orders)
delete of a table that is not guarded => delete from jobs where order_id in (select id from orders where tenant_id <> 't2')
update by FROM of itself => update orders set note = o.note from orders o where o.id = orders.id + 1 and o.tenant_id <> 't2'
update by FROM with a subquery of its name => update orders set note = 'x' from (select 't2' as tenant_id, 1 as id) as orders
update by FROM ... USING => update orders set note = 'x' from items join (select 't2' as tenant_id) as o using (tenant_id) where items.order_id = orders.id
an alias like the column => update orders tenant_id set note = 'x' where tenant_id.id = 2
an alias of a keyword => update orders as set set note = 'x' where id = 2
a row of two => select id from orders where (tenant_id, id) in (select tenant_id, id from orders where tenant_id <> 't2') or (tenant_id, id) > ('t0', 0)
comparing rows => select id from orders where (tenant_id, amount) = ('t1', 1) or (amount, tenant_id) < (30, 'z')
a window over all => select id, count(*) over () as n, rank() over (order by amount) as r from orders where amount < 30
a window by tenants => select distinct tenant_id, count(*) over (partition by tenant_id) as n from orders
a recursive WITH that reads it in both parts => with recursive t(id, parent) as (select id, parent from tasks where parent is null union select k.id, k.parent from tasks k join t on k.parent = t.id) select count(*) from t
a recursive WITH of a name with its own name inside => with recursive x(n) as (select count(*) from orders union all select n - 1 from x where n > 95) select n from x
WITH that is not used => with unused as (select * from orders) select 1
WITH in FROM in WITH => with a as (with b as (select * from orders) select * from b) select count(*) from a
WITH of its name inside another => with a as (with orders as (select 1 as id) select * from orders) select * from a
EXISTS of others => select id from jobs j where exists (select 1 from orders o where o.id = j.order_id and o.tenant_id <> 't2')
NOT EXISTS of others => select id from jobs j where not exists (select 1 from orders o where o.id = j.order_id)
a correlated subquery of four levels => select id from orders a where exists (select 1 from orders b where exists (select 1 from orders c where exists (select 1 from orders d where d.tenant_id <> a.tenant_id)))
CASE with a subquery => select case when (select count(*) from orders) > 400 then 'all' else 'mine' end as w
values with a subquery => values ((select count(*) from orders), (select max(tenant_id) from orders))
a subquery in values of INSERT => insert into reports (id, what, n) values (1, (select max(tenant_id) from orders), (select count(*) from orders)) returning what, n
GROUP BY and HAVING => select tenant_id, count(*) as n from orders group by tenant_id having count(*) > (select count(*) from orders) - 1
natural join => select count(*) from orders natural join items
join using the tenant => select count(*) from orders o join items i using (tenant_id)
cross join with itself => select count(*) from orders a cross join orders b where a.id = b.id + 1
full outer join => select count(*) from orders a full join items b on a.id = b.order_id
left join that is never so => select count(*) from jobs j left join orders o on false
intersect => select id from orders intersect select order_id from jobs
except => select order_id from jobs except select id from orders
union in parentheses => select * from (select id from orders union select id from orders) x where id < 30
savepoint and more behind a comment => savepoint a /* ; delete from orders */
savepoint of its name => savepoint orders
release => release savepoint a; delete from orders
a comment in a name => select * from ord/**/ers
a comment instead of a dot => select * from public/**/./**/orders
a name in quotes with a space => select * from "orders "
a name with a quote in it => select * from "or""ders"
a name in full-width letters => select * from ｏｒｄｅｒｓ
a name with a soft hyphen => select * from or­ders
upsert that does nothing, then changes => insert into orders (id, owner_id, status, amount) values (1, 'u1', 'x', 1) on conflict do nothing on conflict (id) do update set status = 'stolen'
insert with an alias of the schema => insert into orders as main ( id, owner_id, status, amount ) values ( 9001, 'u1', 'x', 1 )
insert with a value that is a subquery => insert into notes ( id, body ) values ( 9001, (select max(body) from notes where user_id <> 'u2') ) returning body
delete with USING => delete from items using orders where items.order_id = orders.id and orders.tenant_id <> 't2'
a condition on nothing => delete from items where exists (select 1)
JSON of all => select json_array(id) from orders where amount < 30
-- postgres
only => select * from only orders
only in parentheses => select * from only (orders)
update only => update only orders set status = 'x'
update only in parentheses => update only (orders) set status = 'x'
delete only in parentheses => delete from only (items)
delete only in WITH => with d as (delete from only (items) returning *) select count(*) from d
delete in WITH => with d as (delete from items returning *) select * from d
update in WITH => with u as (update orders set status='q' returning 1) select 1
insert in WITH => with i as (insert into orders (id, owner_id, status, amount) values (9001, 'u', 'x', 1) returning *) select * from i
merge => merge into orders using (select 1) s on true when matched then delete
merge only behind WITH => with x as (select 1) merge into only (orders) using x on true when matched then delete
update with a star => update orders * set status = 'x'
delete with a star => delete from items * where true
table => table orders
table in a subquery => select * from (table orders) x
table with a star => table orders *
copy out => copy orders to stdout
copy a query => copy (select * from orders) to stdout
lock => lock table orders
anonymous block => do $$ begin delete from orders; end $$
call => call purge()
prepare => prepare p as select * from orders
execute => execute p
declare => declare c cursor for select * from orders
fetch => fetch all from c
listen => listen x
create function => create function f() returns void language sql as $$ delete from orders $$
grant => grant select on orders to public
set => set search_path = evil
set the tenant => set gatehouse.tenant = 't1'
set local => set local role postgres
set session authorization => set session authorization default
reset => reset all
discard => discard all
the tenant of row-level security => select set_config('gatehouse.tenant', 't1', true)
the same with its schema => select pg_catalog.set_config('gatehouse.tenant', 't1', true)
the same, quoted => select "set_config"('gatehouse.tenant', 't1', true)
the same in a condition => select id from orders where set_config('gatehouse.tenant', 't1', true) is not null
dynamic SQL in XML => select query_to_xml('select * from orders', true, true, '')
a table in XML => select table_to_xml('orders', true, true, '')
a schema in XML => select schema_to_xml('public', true, true, '')
a database in XML => select database_to_xml(true, true, '')
a cursor in XML => select cursor_to_xml('c', 10, true, true, '')
text statistics => select * from ts_stat('select to_tsvector(status) from orders')
text rewriting => select ts_rewrite('a'::tsquery, 'select to_tsquery(status), to_tsquery(status) from orders')
another connection => select * from dblink('dbname=x', 'select id from orders') as t(id int)
crosstab => select * from crosstab('select id, status, amount from orders') as t(id int)
samples of columns => select most_common_vals from pg_stats where tablename = 'orders'
samples with their schema => select * from pg_catalog.pg_statistic
other sessions => select query from pg_stat_activity
files => select pg_read_file('base/1/1259')
terminate => select pg_terminate_backend(1)
large objects => select lo_get(1)
sequence => select setval('orders_id_seq', 1)
a function that reads it => select orders_count()
the same with its schema => select public.orders_count()
a function by standard SQL => select orders_body()
a function of a function => select orders_twice()
a function that runs text => select run_text('select count(*) from orders')
a function as an attribute => select c.order_label from customers c
a procedure as a function => select purge()
a materialized view => select * from totals_kept
a view in another schema => select * from evil.innocent
a view found by the search path => select * from innocent
a table with a rule => insert into ruled values (1)
a table with a trigger => insert into triggers (id) values (1)
a partition with its schema => select * from public.events_2026
a partition => select count(*) from events_2026
a child => select count(*) from papers_old
deleting from a partition => delete from events_2026
a namesake in another schema => select * from archive.orders
three names => select * from test1.public.orders
Unicode name => select * from U&"ord\0065rs"
Unicode name in lower case => select * from u&"ord\0065rs"
Unicode string => select U&'\0061' from orders
E string continued => select E'x'\n'\' , ' from orders --'
string continued => select 'x'\n'y' from orders
E string that hides its end => select E'\' from orders where ' = ' or 1=1 --'
E string with a doubled quote => select E'''\'' || id from orders where amount < 30
dollar string => select $$x$$ || id from orders where amount < 30
dollar string with a tag => select $orders$ from jobs $orders$ || id from orders where amount < 30
dollar string that is not closed => select $a$ from orders $b$
dollar inside a name => select a$$b from orders where 1 = 1 or '$$' = ''
nested comment => select id /* /* */ from jobs */ from orders where amount < 30
comment inside an operator => select 1 */* x */ id from orders where amount < 30
minus minus inside an operator => select 1 +-- x\nid from orders where amount < 30
name that would be cut => select * from orders_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
a back slash => select id \ from orders
brackets => select * from [orders]
back ticks => select * from `orders`
lock through a join => select o.id from orders o join items i on i.order_id = o.id for update
lock through a subquery => select * from (select * from orders) x for update
lock in a subquery => select 1 from jobs where order_id in (select id from orders for update)
lock in WITH => with x as (select * from orders for update) select count(*) from x
lock of everything, filtered => select id from orders where true for update
lock of a list => select o.id from orders o, items i for update of o
lock of a union => select id from orders union select id from orders for update
lock with an alias of its columns => select a from orders o (a) where true for update
lock of a star => select id from orders * for update
into => select * into copied from orders
into behind => select id into temp copied from orders
current of => update orders set status = 'x' where current of c
delete current of => delete from items where current of c
overriding => insert into orders (id, owner_id, status, amount) overriding system value values (9001, 'u', 'x', 1)
a part of a column => insert into orders (id[1], owner_id) values (1, 'u')
search in WITH => with recursive r(n) as (select 1 union all select n + 1 from r where n < 2) search depth first by n set s select * from r, orders
where as a label => update orders set status = 'x' returning id as where
set of a function => select * from rows from (orders_count()) x
reading files by copy => copy orders from program 'x'
comment on => comment on table orders is 'x'
do in a string => select 'do $$ delete from orders $$' from orders where amount < 20
import => import foreign schema x from server y into z
a whole row => select orders from orders where amount < 20
a whole row of another => select x from orders x where x.tenant_id <> 't2' or amount < 20
a CTE that deletes and is not read => with d as (delete from items where id = 1) select 1
a CTE that deletes a table that is not guarded => with d as (delete from jobs returning order_id) select o.id from d join orders o on o.id = d.order_id
a CTE that deletes, in parentheses => (with d as (delete from items returning *) select * from d)
a CTE that updates behind UPDATE => with d as (update jobs set state = 'x' returning order_id) update orders set note = 'x' where id in (select order_id from d)
a CTE inside INSERT => insert into reports with d as (delete from items returning *) select 1, 'x', count(*) from d
merge in a CTE => with m as (merge into orders using jobs on true when matched then delete returning *) select * from m
merge of a table that is not guarded => merge into jobs using orders on orders.id = jobs.order_id when matched then update set state = orders.tenant_id
explain that runs => explain analyze delete from orders
explain with options => explain (analyze, verbose, format json) select * from orders
table in WITH => with x as (table orders) select * from x
table in UNION => select * from orders union table orders
table in INSERT => insert into reports table orders
table in IN => select id from jobs where order_id in (table orders)
table in EXISTS => select id from jobs where exists (table only orders)
only in lateral => select 1 from jobs j, lateral (select 1 from only orders) x
a star in a join => select count(*) from jobs, orders *
tablesample => select count(*) from orders tablesample system (100)
tablesample behind its star => select count(*) from orders * tablesample bernoulli (100)
system columns => select ctid, xmin, tableoid from orders
system columns by the alias => select o.ctid from orders o
a row by its place => select id from orders where ctid = '(0,1)'
a row by its place, to write => update orders set note = 'x' where ctid = '(0,1)'
a row by its place, to lock => select id from orders where ctid = '(0,1)' or true for update
whole rows as text => select orders::text from orders where amount < 30
whole rows as JSON => select to_jsonb(orders) from orders where amount < 30
whole rows in an array => select array_length(array_agg(o), 1) from orders o
json_agg of a subquery => select json_agg(x)::text from (select id from orders order by id) x
rows of its type => select (null::orders).id
a record of its type => select * from json_populate_record(null::orders, '{"id": 1, "tenant_id": "t1"}')
records of its type => select count(*) from jsonb_populate_recordset(null::orders, '[{"id": 1}]')
its regclass => select 'public.orders'::regclass::text
JSON paths => select jsonb_path_query_array(to_jsonb(o), '$.tenant_id') from orders o where amount < 30
xmltable => select x.* from orders o, xmltable('/a' passing xmlparse(document '<a/>') columns b text path '.') x where o.amount < 30
xmlelement => select xmlelement(name orders, xmlagg(xmlelement(name id, id) order by id))::text from orders
an external entity => select xmlparse(document '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>')
rows from => select * from rows from (generate_series(1, 2), unnest(array(select id from orders where amount < 30))) x
unnest of a subquery => select unnest(array(select tenant_id from orders)) as t
a set in the list => select generate_series(1, (select count(*)::int from orders)) as n order by 1 desc limit 1
a function with names for its arguments => select query_to_xml(query => 'select * from orders', nulls => true, tableforest => true, targetns => '')
a function behind a comment => select query_to_xml/**/('select * from orders', true, true, '')
a function in quotes with its schema in quotes => select "pg_catalog"."query_to_xml"('select * from orders', true, true, '')
a function with Unicode escapes => select U&"query\005fto\005fxml"('select * from orders', true, true, '')
a function in FROM => select * from query_to_xml('select * from orders', true, true, '') x
a function in a default of an aggregate => select string_agg(query_to_xml('select * from orders', true, true, '')::text, ',')
a function in variadic form => select * from format(variadic array['%s', (select max(tenant_id) from orders)])
an operator by its name => select 1 operator(pg_catalog.+) (select count(*) from orders) as n
a cast to a domain that reads it => select 1::counted
a cast to a domain by its function's way => select cast(1 as counted)
a domain's default => insert into counts (id) values (1)
a default that reads it => insert into stamped_counts (id) values (1) returning n
a default that is written => update stamped_counts set n = default returning n
a CHECK that reads it => insert into checked_counts (id) values (1)
an index that reads it => insert into indexed_counts (id) values (1)
a partition with a trigger => insert into ledger (id, at) values (1, '2026-05-05')
a partition with a trigger, to update => update ledger set id = 2
a rule of a guarded table => update "2026_lines" set text = 'x' where id = 2
a view that is written through => insert into triggers_seen values (1)
a function that writes what has a trigger => select note_it()
a function of a name with spaces => select lines_count()
a function of a name that begins with a digit => select lines_2026()
a function with Unicode escapes in it => select hidden_count()
a table with spaces in its name => select count(*) from "order lines"
a table that begins with a digit => select count(*) from "2026_lines"
a sequence's value => select last_value from orders_id_seq
the next of a sequence => select nextval('orders_id_seq') is not null as n
the last of a sequence => select currval('orders_id_seq')
the last of any => select lastval()
another version of a row => select currtid2('orders', '(0,1)')
a large object from a file => select lo_import('/etc/passwd')
a large object to a file => select lo_export(1, '/tmp/x')
a large object opened => select lo_open(1, 262144)
a large object read => select loread(0, 100)
a file's list => select pg_ls_dir('.')
a file's bytes => select pg_read_binary_file('PG_VERSION')
a file's state => select pg_stat_file('PG_VERSION')
the log => select pg_current_logfile()
a view's text => select pg_get_viewdef('totals')
a function's text => select pg_get_functiondef('orders_count'::regproc)
sleep => select pg_sleep(0)
logical decoding => select * from pg_logical_slot_peek_changes('x', null, null)
the size of a table => select pg_total_relation_size('orders')
the tenant by setting => select set_config($$gatehouse.tenant$$, $$t1$$, false)
the role by setting => select set_config('role', 'postgres', true)
reset in a text => reset gatehouse.tenant
set transaction => set transaction isolation level serializable
show => show search_path
cursor that is held => declare c cursor with hold for select * from orders
move => move all in c
close => close all
notify => notify x, 'orders'
unlisten => unlisten *
reassign => reassign owned by postgres to app
alter system => alter system set x = 1
refresh => refresh materialized view totals_kept
cluster => cluster orders
security label => security label on table orders is 'x'
prepare transaction => prepare transaction 'x'
load => load 'x'
create rule => create rule r as on select to jobs do instead select * from orders
create extension => create extension dblink
import by dblink => select * from dblink_connect('x', 'dbname=postgres')
send by dblink => select dblink_exec('x', 'delete from orders')
search_path in a function's call => select set_config('search_path', 'evil, public', true)
a name in another schema by search_path => select * from innocent i, orders o
a temporary schema => select * from pg_temp.orders
a temporary schema in quotes => select * from "pg_temp".orders
a toast table => select * from pg_toast.pg_toast_16384
the catalogue's texts => select prosrc from pg_proc where proname = 'orders_count'
E string with an escape of a quote => select E'\\'' from orders where amount < 30 --'
E string with octal => select E'\047' || id from orders where amount < 30
E string with a Unicode escape => select E'\u0027' || id from orders where amount < 30
N string => select N'x' from orders where amount < 30
bits => select B'1' from orders where amount < 30
UESCAPE => select U&'!0061' uescape '!' from orders
dollar strings inside one another => select $a$ $b$ $a$ || id || $b$ $a$ $b$ from orders where amount < 30
dollar string behind a name => select id as x$a$ from orders where amount < 30 --$a$
dollar string with an upper case tag => select $A$ $a$ ' $A$ || id from orders where amount < 30
a parameter and a dollar string => select $1$$ from orders $$
comments that end in a string => select '/*' || id || '*/' from orders where amount < 30
a comment with a quote => select id /* ' */ from orders where amount < 30 /* ' */
nested comments with a string => select id /* /* ' */ ' */ from orders where amount < 30
a line comment that ends the text => select id from orders where amount < 30 -- \n or true
an operator of dashes => select - - -id from orders where amount < 30
an operator that begins a comment => select 1 @-- \n from jobs
an array's slice => select (array(select id from orders order by id))[1:3]::text
a subscript with a bracket in a string => select (array['[', ']'])[1] || id from orders where amount < 30
a colon slice that hides a cast => select (array[1])[1:1]::text || id from orders where amount < 30
is distinct from in SET => update orders set public = (note is distinct from 'x') where id = 2
is distinct from without parentheses => update orders set public = note is distinct from status where id = 2 or tenant_id <> 't2'
is not distinct from => update orders set public = note is not distinct from status from jobs where jobs.id = orders.id
from in substring => update orders set note = substring(status from 1 for 2) where id in (2, 1)
where in FILTER => select count(*) filter (where tenant_id <> 't2') as n from orders
update where in FILTER => update orders set note = (select count(*) filter (where true) from orders)::text where id = 2
returning in a string => update orders set note = ' returning ' where id in (1, 2)
set by a row of a subquery => update orders set (status, note) = (select max(tenant_id), 'x' from orders) where id in (1, 2)
set by a row by ROW => update orders set (status, note) = row ('x', 'y') where id in (1, 2)
set of a default => update orders set note = default where id in (1, 2)
insert of defaults => insert into orders ( id, owner_id, status, amount, note ) values ( 9001, 'u1', 'x', 1, default )
insert overriding => insert into orders (id, owner_id, status, amount) overriding user value values (9001, 'u1', 'x', 1)
insert of a table => insert into orders (id, owner_id, status, amount) table reports
insert of values in parentheses => insert into orders (id, owner_id, status, amount) (values (9001, 'u1', 'x', 1))
upsert by a constraint's name => insert into orders (id, owner_id, status, amount) values (1, 'u1', 'x', 1) on conflict on constraint orders_pkey do update set status = 'stolen'
the excluded row => insert into orders (id, owner_id, status, amount) values (1, 'u1', 'x', 1) on conflict (id) do update set status = excluded.status where orders.tenant_id = 't1'
lock and skip => select id from orders where true order by id for update skip locked
lock without waiting => select id from orders o where o.amount < 30 for no key update of o nowait
lock with two clauses => select id from orders where amount < 30 for update for share
lock of a union in parentheses => (select id from orders) union (select id from orders for update)
lock of jobs by orders => select id from jobs where order_id in (select id from orders) order by (select count(*) from orders) for update
lock behind WITH => with x as (select 1) select id from orders where amount < 30 for update
lock in FROM => select * from (select id from orders for update) x
lock with distinct from => select id is distinct from 1 from orders where amount < 30 for update
lock with a label from => select id as from, tenant_id from orders where amount < 30 for update
lock with an or => select id from orders where amount < 30 or true order by id limit 3 for update
partitions through the parent => select tableoid::regclass::text, count(*) from events group by 1
a partition's bound => select count(*) from events_2025 union all select count(*) from events
deleting from the parent alone => delete from only papers
a child by inheritance => select count(*) from papers p where exists (select 1 from papers_old o where o.id = p.id)
inherits with a star => select count(*) from papers *
text of a row that fails => select id from orders where note::boolean
text of a row that fails, cheap => select id from orders where status::boolean or tenant_id::boolean
an error that tells the row => select id from notes where has_schema_privilege(body, 'usage')
an error that tells the row, in UPDATE => update notes set body = 'x' where has_schema_privilege(body, 'usage')
an error that tells the row, in DELETE => delete from notes where has_schema_privilege(body, 'usage')
an error that tells the row, in a lock => select id from notes where has_schema_privilege(body, 'usage') for update
an error that tells the row, of two columns => select id from tasks where has_schema_privilege(title, 'usage')
an error that tells the row, of partitions => select id from events where has_schema_privilege(what, 'usage')
an error that tells the row, in a join => select n.id from notes n join jobs j on has_schema_privilege(n.body, j.state)
a number that fails on others => select id from orders where amount % 5 = 2 and note::int > 0
-- sqlite
pragma => pragma writable_schema = on
pragma to read => pragma table_info(orders)
pragma as a function => select * from pragma_table_info('orders')
attach => attach 'other.db' as other
detach => detach other
main in front => select * from main.orders
main in front, quoted => select * from "main"."orders"
main in front in brackets => select * from [main].[orders]
main in front as strings => select * from 'main'.'orders'
main in front to update => update main.orders set status = 'x'
temp in front => select * from temp.orders
in a table => select 1 in main.orders
in the table => select count(*) from jobs where order_id in (select id from main.orders)
a string for a name => select count(*) from 'orders'
back ticks => select count(*) from `orders`
brackets => select count(*) from [orders]
brackets in upper case => select count(*) from [ORDERS]
a doubled back tick => select count(*) from `ord``ers`
a bracket in brackets => select count(*) from [ord]]ers]
insert or replace => insert or replace into orders (id, owner_id, status, amount) values (1, 'u', 'x', 1)
insert or ignore => insert or ignore into orders (id, owner_id, status, amount) values (1, 'u', 'x', 1)
replace behind WITH => with x as (select 1) replace into orders (id, owner_id, status, amount) values (1, 'u', 'x', 1)
update or replace => update or replace orders set id = 1 where id = 7
update or ignore => update or ignore orders set id = 1 where id = 7
update from => update orders set status = 'x' from orders as other where other.id = orders.id + 1
update from an alias of its name => update orders set status = 'x' from jobs as orders
update of a string => update 'orders' set status = 'x'
delete of a string => delete from 'items'
insert into a string => insert into 'orders' (id, owner_id, status, amount) values (9001, 'u', 'x', 1)
setting the tenant as a string => update orders set 'tenant_id' = 't1'
setting the tenant in brackets => update orders set [tenant_id] = 't1'
setting the tenant in other letters => update orders set "Tenant_ID" = 't1'
inserting the tenant as a string => insert into orders (id, 'tenant_id', owner_id, status, amount) values (9001, 't1', 'u', 'x', 1)
update behind WITH => with x as (select id from orders) update orders set status = 'x' where id in (select id from x) or 1=1
delete behind WITH => with x as (select id from orders) delete from items where 1=1
update behind WITH of its name => with orders as (select 1 as id) update orders set status = 'x'
update with a limit => update orders set status = 'x' order by id limit 1
delete with a limit => delete from items order by id limit 1
indexed by => update orders indexed by orders_by_tenant set status = 'x'
not indexed => delete from items not indexed
rowid => select rowid from orders where rowid = 1
rowid of all => select _rowid_, oid from orders
setting the rowid => update orders set rowid = 1 where id = 7
inserting a rowid => insert into orders (rowid, owner_id, status, amount) values (1, 'u', 'x', 1)
a virtual table's content => select * from orders_text
a match in a virtual table => select rowid from orders_text where orders_text match 'note'
the inside of a virtual table => select * from words_data
the content of a virtual table => select * from words_content
a table with a trigger => insert into logs values ('x')
a view with a trigger => insert into plain values ('x')
a table whose trigger writes itself => update stamped set at = 'x'
a function that loads => select load_extension('x')
a function that reads files => select readfile('x')
a function that writes files => select writefile('x', note) from orders
the schema => select sql from sqlite_schema
the schema by its old name => select sql from sqlite_master
statistics => select * from sqlite_stat1
sequences => update sqlite_sequence set seq = 1
pages => select data from sqlite_dbpage
page statistics => select * from dbstat
nested comment => select id /* /* */ from orders where amount < 30
comment with a carriage return => select 1 --\rfrom orders
a Tcl placeholder => select $a::b(from orders)
a Tcl placeholder in parentheses => select $a(from orders)
a placeholder without a name => select : from orders
a placeholder of ours => select :gatehouse_0 from orders
placeholders mixed => select :a, ? from orders
a hash => select #1 from orders
double quotes are a string => select id from orders where "nothing" = 'nothing' and amount < 30
double quotes hide nothing => select "x from main.orders --" from orders where amount < 30
a string of bytes => select x'6f7264657273' from orders where amount < 30
a string of odd bytes => select x'6f7' from orders
an escape => select 'x\' from orders where amount < 30 --'
E string => select E'x' from orders
dollar string => select $$x$$ from orders
for update => select id from orders for update
a lock in words => select id from orders for share
collation => select id from orders where tenant_id = 'T1' collate nocase or amount < 30
nocase columns => select count(*) from items where tenant_id = 'T2'
tables as functions => select * from orders(1)
reindex => reindex orders
a CTE that deletes => with d as (delete from items returning *) select * from d
a CTE that inserts => with i as (insert into notes (id, body) values (1, 'x') returning *) select * from i
main by its database's number => select * from "main" . "orders"
main in other letters => select * from MAIN.orders
temp in quotes => select * from [temp].orders
a temporary table's schema => select * from sqlite_temp_schema
a temporary table's schema by its old name => select sql from sqlite_temp_master
attached by its name => select * from aux.orders
the file of a database => attach database 'file:all.db?mode=ro' as aux
vacuum into a file => vacuum into '/tmp/copied.db'
pragma with a value => pragma table_info('orders')
pragma in FROM with its schema => select * from main.pragma_table_info('orders')
pragma in lower levels => select * from (select * from pragma_database_list)
pragma in a join => select * from jobs join pragma_function_list
functions list => select name from pragma_function_list
bytecode => select * from bytecode('select * from orders')
tables used => select * from tables_used('select * from orders')
statements => select * from sqlite_stmt
a hash of a query => select sha3_query('select * from orders')
an archive => select * from zipfile('x.zip')
a text as SQL => select eval('select count(*) from orders')
a list of files => select * from fsdir('/')
JSON tables => select value from json_each((select json_group_array(tenant_id) from orders))
an error that tells a row of an index => select id from tasks where title > 'task 1' and json_extract('{}', title) is null
an error that tells a row by ->> => select id from tasks where title > 'task 1' and '{}' ->> title is null
an error that tells a row by another argument => select json_set('{}', '$.a', 1, title, 2) from tasks
an error that tells a row of a JSON table => select count(*) from tasks, json_each('{}', title)
a JSON path that is a value => select json_extract('{"a":[1]}', '$.a[0]') || json_set('{}', '$.a', title) from tasks
JSON trees => select count(*) from orders, json_tree(json_array(orders.id, orders.tenant_id))
group_concat => select group_concat(tenant_id, ',') from (select distinct tenant_id from orders order by 1)
in a table by name => select count(*) from jobs where order_id in orders_ids
in main's table => select count(*) from jobs where order_id in main.orders
in a table in quotes => select count(*) from jobs where 1 in "main"."orders"
not in main's table => select count(*) from jobs where order_id not in main.orders
in a function's table => select count(*) from jobs where order_id in json_each('[1]')
exists main's => select 1 where exists (select 1 from main.orders)
main behind a comma => select * from jobs, main.orders
main in a join => select * from jobs join main.orders on 1
main in parentheses => select * from (main.orders)
main in parentheses, joined => select * from (jobs join main.orders on 1)
main with a column => select main.orders.id from main.orders
main with a column of the filtered => select main.orders.id from orders
columns by three names => select count(*) from orders where main.orders.tenant_id = 't1'
rowid of the alias => select o.rowid from orders o
rowid in a condition of UPDATE => update orders set note = 'x' where rowid in (1, 2)
rowid in RETURNING => update orders set note = 'x' where id in (1, 2) returning rowid, _rowid_, oid
rowid in ORDER BY => select id from orders order by rowid
rowid in a join => select o.id from orders o join jobs j on j.rowid = o.rowid
setting the primary key => update orders set id = 3 where id = 2
insert of a row that is there => insert into orders (id, owner_id, status, amount) values (1, 'u1', 'x', 1)
insert or rollback => insert or rollback into orders (id, owner_id, status, amount) values (1, 'u1', 'x', 1)
insert or abort => insert or abort into notes (id, body) values (1, 'x')
update or rollback => update or rollback orders set id = 1 where id = 7
update or fail => update or fail orders set id = 1 where id = 7
full-text commands of guarded content => insert into orders_text(orders_text) values ('rebuild')
full-text snippets => select snippet(orders_text, 0, '', '', '', 9) from orders_text('note')
full-text shadow by its schema => select * from main.words_data
full-text shadow in quotes => select * from "words_idx"
full-text configuration => select * from orders_text_config
vocabulary => select * from fts5vocab
a bracket name with a quote => select * from ["orders"]
a string for main => select * from 'main'.orders
a string in brackets => select * from ['orders']
a back tick for main => select * from `main`.`orders`
double quotes for a string => select "t1" as x from orders where amount < 30
double quotes in a condition => select id from orders where tenant_id = "t1" or amount < 30
a blob for a name => select * from x'6f7264657273'
a name with a dollar => select * from orders$1
a number with an underscore => select 1_000 from orders
hexadecimal => select 0x10 from orders where amount < 30
JSON arrows => select '{"a":1}' -> 'a', '{"a":1}' ->> 'a' from orders where amount < 30
a question mark with a number => select ?1 from main.orders
a comment that is not closed => select id from orders where amount < 30 /* 
a comment with a star at its end => select id from orders where amount < 30 /**
between and => select id from orders where amount between 1 and 30 or tenant_id between 't0' and 't1'
glob => select id from orders where tenant_id glob '*' and amount < 30
collate in a comparison => select count(*) from items where tenant_id collate nocase = 'T1'
collate rtrim => select count(*) from orders where tenant_id = 't1 ' collate rtrim
an affinity that changes => select count(*) from orders where cast(tenant_id as blob) = x'7431'
typeof => select typeof(tenant_id), max(tenant_id) from orders
max of two columns => select max(tenant_id, 't0') from orders where amount < 30
a filter => select count(*) filter (where tenant_id <> 't2') from orders
an aggregate's order => select group_concat(id, ',' order by id) from orders where amount < 30
materialized => with x as materialized (select * from orders) select count(*) from x
not materialized => with x as not materialized (select * from orders) select count(*) from x
returning a star => update orders set note = 'x' where id in (1, 2) returning *
returning with a subquery of main => update orders set note = 'x' where id = 2 returning (select count(*) from main.orders)
set from a subquery of its own => update orders set note = (select max(o.tenant_id) from orders o) where id in (1, 2)
set in a row => update orders set (status, note) = (select max(tenant_id), 'x' from orders) where id in (1, 2)
a view with a trigger, to delete => delete from plain
a view that reads a name with spaces => select * from totals_spaced
a table with spaces in its name => select count(*) from "order lines"
a table that begins with a digit => select count(*) from "2026_lines"
a view of a table that begins with a digit => select * from totals_2026
a trigger of a name with spaces => insert into spaced_log values ('x')
the schema as a string => select sql from 'sqlite_master'
the schema as a string, in a join => select 1 from jobs join 'main'.'sqlite_schema'
pragma as a string => select name from 'pragma_table_info'('orders')
