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
