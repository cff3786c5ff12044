-- all
select id, tenant_id from orders where status='open'
select id, tenant_id from orders where status='open' or 1=1
select id, tenant_id from orders where amount between 10 and 200
select id, tenant_id from orders where note is null
select id, tenant_id from orders where note is not null and amount > 50
select id, tenant_id from orders where public
select id, tenant_id from orders where not public and amount % 2 = 0
select id, tenant_id from orders where owner_id in ('u2','u7','u12')
select id, tenant_id from orders where id in (select order_id from items where qty > 2)
select id, tenant_id from orders where exists (select 1 from items i where i.order_id = orders.id and i.sku = 'sku3')
select id, tenant_id from orders where amount > (select avg(amount) from orders)
select id, tenant_id from orders where tenant_id <> 't2' or status = 'done'
select id, tenant_id from orders where tenant_id = 't3' or true
select id, tenant_id from orders where (status, public) in (select status, public from orders where amount < 40)
select id, tenant_id from orders where case when amount > 250 then true else status = 'open' end
select id, tenant_id from orders where coalesce(note, 'x') = 'x' -- or \n or amount > 499
select id, tenant_id from orders where id in (select id from orders union select order_id from jobs)
select count(*), min(amount), max(tenant_id) from orders where status='open'
select count(*), min(amount), max(tenant_id) from orders where status='open' or 1=1
select count(*), min(amount), max(tenant_id) from orders where amount between 10 and 200
select count(*), min(amount), max(tenant_id) from orders where note is null
select count(*), min(amount), max(tenant_id) from orders where note is not null and amount > 50
select count(*), min(amount), max(tenant_id) from orders where public
select count(*), min(amount), max(tenant_id) from orders where not public and amount % 2 = 0
select count(*), min(amount), max(tenant_id) from orders where owner_id in ('u2','u7','u12')
select count(*), min(amount), max(tenant_id) from orders where id in (select order_id from items where qty > 2)
select count(*), min(amount), max(tenant_id) from orders where exists (select 1 from items i where i.order_id = orders.id and i.sku = 'sku3')
select count(*), min(amount), max(tenant_id) from orders where amount > (select avg(amount) from orders)
select count(*), min(amount), max(tenant_id) from orders where tenant_id <> 't2' or status = 'done'
select count(*), min(amount), max(tenant_id) from orders where tenant_id = 't3' or true
select count(*), min(amount), max(tenant_id) from orders where (status, public) in (select status, public from orders where amount < 40)
select count(*), min(amount), max(tenant_id) from orders where case when amount > 250 then true else status = 'open' end
select count(*), min(amount), max(tenant_id) from orders where coalesce(note, 'x') = 'x' -- or \n or amount > 499
select count(*), min(amount), max(tenant_id) from orders where id in (select id from orders union select order_id from jobs)
select o.id, i.tenant_id from (select * from orders where status='open'\n) o join items i on i.order_id = o.id
select o.id, i.tenant_id from (select * from orders where status='open' or 1=1\n) o join items i on i.order_id = o.id
select o.id, i.tenant_id from (select * from orders where amount between 10 and 200\n) o join items i on i.order_id = o.id
select o.id, i.tenant_id from (select * from orders where note is null\n) o join items i on i.order_id = o.id
select o.id, i.tenant_id from (select * from orders where note is not null and amount > 50\n) o join items i on i.order_id = o.id
select o.id, i.tenant_id from (select * from orders where public\n) o join items i on i.order_id = o.id
select o.id, i.tenant_id from (select * from orders where not public and amount % 2 = 0\n) o join items i on i.order_id = o.id
select o.id, i.tenant_id from (select * from orders where owner_id in ('u2','u7','u12')\n) o join items i on i.order_id = o.id
select o.id, i.tenant_id from (select * from orders where id in (select order_id from items where qty > 2)\n) o join items i on i.order_id = o.id
select o.id, i.tenant_id from (select * from orders where exists (select 1 from items i where i.order_id = orders.id and i.sku = 'sku3')\n) o join items i on i.order_id = o.id
select o.id, i.tenant_id from (select * from orders where amount > (select avg(amount) from orders)\n) o join items i on i.order_id = o.id
select o.id, i.tenant_id from (select * from orders where tenant_id <> 't2' or status = 'done'\n) o join items i on i.order_id = o.id
select o.id, i.tenant_id from (select * from orders where tenant_id = 't3' or true\n) o join items i on i.order_id = o.id
select o.id, i.tenant_id from (select * from orders where (status, public) in (select status, public from orders where amount < 40)\n) o join items i on i.order_id = o.id
select o.id, i.tenant_id from (select * from orders where case when amount > 250 then true else status = 'open' end\n) o join items i on i.order_id = o.id
select o.id, i.tenant_id from (select * from orders where coalesce(note, 'x') = 'x' -- or \n or amount > 499\n) o join items i on i.order_id = o.id
select o.id, i.tenant_id from (select * from orders where id in (select id from orders union select order_id from jobs)\n) o join items i on i.order_id = o.id
with x as (select * from orders where status='open'\n) select count(*), sum(amount) from x
with x as (select * from orders where status='open' or 1=1\n) select count(*), sum(amount) from x
with x as (select * from orders where amount between 10 and 200\n) select count(*), sum(amount) from x
with x as (select * from orders where note is null\n) select count(*), sum(amount) from x
with x as (select * from orders where note is not null and amount > 50\n) select count(*), sum(amount) from x
with x as (select * from orders where public\n) select count(*), sum(amount) from x
with x as (select * from orders where not public and amount % 2 = 0\n) select count(*), sum(amount) from x
with x as (select * from orders where owner_id in ('u2','u7','u12')\n) select count(*), sum(amount) from x
with x as (select * from orders where id in (select order_id from items where qty > 2)\n) select count(*), sum(amount) from x
with x as (select * from orders where exists (select 1 from items i where i.order_id = orders.id and i.sku = 'sku3')\n) select count(*), sum(amount) from x
with x as (select * from orders where amount > (select avg(amount) from orders)\n) select count(*), sum(amount) from x
with x as (select * from orders where tenant_id <> 't2' or status = 'done'\n) select count(*), sum(amount) from x
with x as (select * from orders where tenant_id = 't3' or true\n) select count(*), sum(amount) from x
with x as (select * from orders where (status, public) in (select status, public from orders where amount < 40)\n) select count(*), sum(amount) from x
with x as (select * from orders where case when amount > 250 then true else status = 'open' end\n) select count(*), sum(amount) from x
with x as (select * from orders where coalesce(note, 'x') = 'x' -- or \n or amount > 499\n) select count(*), sum(amount) from x
with x as (select * from orders where id in (select id from orders union select order_id from jobs)\n) select count(*), sum(amount) from x
update orders set status = 'seen' where status='open'\n returning id, tenant_id
update orders set status = 'seen' where status='open' or 1=1\n returning id, tenant_id
update orders set status = 'seen' where amount between 10 and 200\n returning id, tenant_id
update orders set status = 'seen' where note is null\n returning id, tenant_id
update orders set status = 'seen' where note is not null and amount > 50\n returning id, tenant_id
update orders set status = 'seen' where public\n returning id, tenant_id
update orders set status = 'seen' where not public and amount % 2 = 0\n returning id, tenant_id
update orders set status = 'seen' where owner_id in ('u2','u7','u12')\n returning id, tenant_id
update orders set status = 'seen' where id in (select order_id from items where qty > 2)\n returning id, tenant_id
update orders set status = 'seen' where exists (select 1 from items i where i.order_id = orders.id and i.sku = 'sku3')\n returning id, tenant_id
update orders set status = 'seen' where amount > (select avg(amount) from orders)\n returning id, tenant_id
update orders set status = 'seen' where tenant_id <> 't2' or status = 'done'\n returning id, tenant_id
update orders set status = 'seen' where tenant_id = 't3' or true\n returning id, tenant_id
update orders set status = 'seen' where (status, public) in (select status, public from orders where amount < 40)\n returning id, tenant_id
update orders set status = 'seen' where case when amount > 250 then true else status = 'open' end\n returning id, tenant_id
update orders set status = 'seen' where coalesce(note, 'x') = 'x' -- or \n or amount > 499\n returning id, tenant_id
update orders set status = 'seen' where id in (select id from orders union select order_id from jobs)\n returning id, tenant_id
delete from items where order_id in (select id from orders where status='open'\n) returning id, tenant_id
delete from items where order_id in (select id from orders where status='open' or 1=1\n) returning id, tenant_id
delete from items where order_id in (select id from orders where amount between 10 and 200\n) returning id, tenant_id
delete from items where order_id in (select id from orders where note is null\n) returning id, tenant_id
delete from items where order_id in (select id from orders where note is not null and amount > 50\n) returning id, tenant_id
delete from items where order_id in (select id from orders where public\n) returning id, tenant_id
delete from items where order_id in (select id from orders where not public and amount % 2 = 0\n) returning id, tenant_id
delete from items where order_id in (select id from orders where owner_id in ('u2','u7','u12')\n) returning id, tenant_id
delete from items where order_id in (select id from orders where id in (select order_id from items where qty > 2)\n) returning id, tenant_id
delete from items where order_id in (select id from orders where exists (select 1 from items i where i.order_id = orders.id and i.sku = 'sku3')\n) returning id, tenant_id
delete from items where order_id in (select id from orders where amount > (select avg(amount) from orders)\n) returning id, tenant_id
delete from items where order_id in (select id from orders where tenant_id <> 't2' or status = 'done'\n) returning id, tenant_id
delete from items where order_id in (select id from orders where tenant_id = 't3' or true\n) returning id, tenant_id
delete from items where order_id in (select id from orders where (status, public) in (select status, public from orders where amount < 40)\n) returning id, tenant_id
delete from items where order_id in (select id from orders where case when amount > 250 then true else status = 'open' end\n) returning id, tenant_id
delete from items where order_id in (select id from orders where coalesce(note, 'x') = 'x' -- or \n or amount > 499\n) returning id, tenant_id
delete from items where order_id in (select id from orders where id in (select id from orders union select order_id from jobs)\n) returning id, tenant_id
update orders set amount = amount + 10000 where status='open'
update orders set amount = amount + 10000 where status='open' or 1=1
update orders set amount = amount + 10000 where amount between 10 and 200
update orders set amount = amount + 10000 where note is null
update orders set amount = amount + 10000 where note is not null and amount > 50
update orders set amount = amount + 10000 where public
update orders set amount = amount + 10000 where not public and amount % 2 = 0
update orders set amount = amount + 10000 where owner_id in ('u2','u7','u12')
update orders set amount = amount + 10000 where id in (select order_id from items where qty > 2)
update orders set amount = amount + 10000 where exists (select 1 from items i where i.order_id = orders.id and i.sku = 'sku3')
update orders set amount = amount + 10000 where amount > (select avg(amount) from orders)
update orders set amount = amount + 10000 where tenant_id <> 't2' or status = 'done'
update orders set amount = amount + 10000 where tenant_id = 't3' or true
update orders set amount = amount + 10000 where (status, public) in (select status, public from orders where amount < 40)
update orders set amount = amount + 10000 where case when amount > 250 then true else status = 'open' end
update orders set amount = amount + 10000 where coalesce(note, 'x') = 'x' -- or \n or amount > 499
update orders set amount = amount + 10000 where id in (select id from orders union select order_id from jobs)
select * from orders
select * from ORDERS where ID = 7
select * from "orders" where id = 12
SELECT "orders"."id" FROM "orders" WHERE "orders"."id" < 100
select o.* from orders as o order by o.id limit 20
select o.* from orders o order by o.id desc limit 5 offset 3
select orders.id, orders.amount from orders order by amount limit 11
select distinct status from orders
select distinct tenant_id from orders where id in (select id from orders where amount between 1 and 500) order by 1
select status, count(*) from orders group by status having count(*) > 1 order by 1
select owner_id, sum(amount) from orders group by owner_id order by 2 desc
select count(*) from (select * from orders) x
select count(*) from (select id from (select id, amount from orders) a where amount > 10) b
select (select count(*) from orders) + 1
select (select max(id) from orders), (select count(*) from items)
select 1 where exists (select 1 from orders where amount > 400)
select a.id from orders a join orders b on b.id = a.id + 5 order by 1
select a.id, b.id from orders a, orders b where a.amount = b.amount + 5 order by 1, 2
select o.id, i.sku from orders o inner join items i on o.id = i.order_id where i.qty > 3
select o.id, i.sku from orders o left join items i on o.id = i.order_id and i.qty > 3
select count(*) from orders cross join items
select o.id, c.name from orders o join customers c on c.id = o.owner_id where c.region = 'eu'
select c.name, (select count(*) from orders o where o.owner_id = c.id) from customers c order by 1
select c.name from customers c where c.id in (select owner_id from orders where status = 'open')
select c.name from customers c where not exists (select 1 from orders o where o.owner_id = c.id)
select count(*) from orders union all select count(*) from items
select id from orders union select order_id from items order by 1
select id from orders except select order_id from items where qty > 2
select id from orders intersect select order_id from items where qty > 2
select * from (select id from orders where amount < 100 union all select id from orders where amount > 400) u
with x as (select * from orders where amount < 300) select count(*) from x, orders where x.id = orders.id
with x as (select id from orders), y as (select id from x where id > 100) select count(*) from y
with x(a, b) as (select id, amount from orders) select a from x where b > 300
with recursive r(n) as (select 1 union all select n+1 from r where n<3) select n, (select count(*) from orders) from r order by n
with recursive t(id, depth) as (select id, 1 from tasks where parent is null union all select k.id, depth + 1 from tasks k join t on k.parent = t.id) select count(*), max(depth) from t
with x as not materialized (select * from orders) select count(*) from x
with x as materialized (select * from orders) select count(*) from x
select id from orders where id = 7 -- ' comment with quote\n or id = 12
select id, 'orders; drop' from orders /* orders */ where id in (7,107,8) order by id
select id from orders where note = 'note 12' or note = 'it''s -- not a comment'
select id /* ; */ from /**/ orders where amount > 450
select id from orders\twhere\n\namount\r\n> 450
select id from orders where amount > 4.5e1 and amount < 1e2
select id from orders where amount > .5 and amount < 20.
select count(*) as orders from orders
select 1 as one, orders.id as orders from orders where id < 50
select sum(amount) over (partition by status order by id) from orders where amount < 60
select id, row_number() over (order by amount desc) from orders where amount > 450
select count(*) filter (where status = 'open') from orders
select upper(status) || ':' || amount from orders where id < 40
select max(case when status = 'open' then amount end) from orders
select id from orders where status like 'op%' and note not like '%9'
select cast(amount as text) from orders where amount < 30
select id from orders order by case status when 'open' then 0 else 1 end, id limit 7
select id from items where sku in ('sku1', 'sku2') and qty >= 2
select sku, sum(qty) from items group by sku order by sku
select i.id from items i where i.order_id in (select o.id from orders o where o.amount > 300)
select n.body from notes n order by 1
select count(*) from notes
select * from notes where user_id = 'u3' or 1 = 1
select * from tasks
select t.title from tasks t where t.user_id in ('u2', 'u3') and t.tenant_id in ('t1', 't2')
select t.id, n.id from tasks t, notes n where t.user_id = n.user_id and t.id < 30
select count(*) from events
select what from events where at >= '2025-12-01'
select title from papers
select p.title, o.id from papers p left join orders o on o.id = p.id
select * from customers order by id
select count(*) from jobs j join orders o on o.id = j.order_id
select j.id from jobs j where exists (select 1 from orders o where o.id = j.order_id)
values (1, 'orders'), (2, 'x')
select (select n from (select count(*) as n from orders) q) as c
select o.id from orders o where o.amount = (select max(p.amount) from orders p where p.owner_id = o.owner_id)
select o.status, i.sku, count(*) from orders o join items i on i.order_id = o.id group by o.status, i.sku order by 1, 2
select id from orders where id in (1, 2, 3, 4, 5, 6, 7) and tenant_id in ('t1', 't2', 't3')
select x.id from orders x where x.tenant_id = 't1' or x.id % 2 = 0
update orders set status='z' where id=1 or 1=1 returning id % 100 as m, tenant_id
update orders set status='y'
update orders set status='y', note=null, public=true where amount > 100
update "orders" set "status" = 'q' where "id" < 30
update ORDERS set STATUS = 'q' where ID < 30 returning id
update orders as o set note = 'x' where o.id in (2, 7, 12)
update orders set note = status where id = 7 or tenant_id = 't1'
update orders set (note, status) = ('a', 'b') where id < 20
update orders set amount = (select max(amount) from orders) + 1 where id = 7
update orders set note = (select sku from items where items.order_id = orders.id order by id limit 1) where amount < 100 returning note
update orders set note = 'joined' from customers c where c.id = orders.owner_id and c.region = 'eu' returning orders.id
update orders set note = c.name from customers c where c.id = owner_id
update orders set note = 'both' from items i where i.order_id = orders.id and i.qty = 4 returning orders.id
update items set qty = qty + 1 from orders o where o.id = items.order_id and o.status = 'open' returning items.id
update items set qty = 0 where order_id in (select id from orders where amount < 50)
update notes set body = 'mine'
update notes set body = 'mine' where user_id = 'u3' or id % 2 = 0 returning id
update tasks set title = 'done' returning user_id, tenant_id
update papers set title = 'new' where id < 90 returning id
update events set what = 'seen' where id < 100
update jobs set state = 'done' where order_id in (select id from orders)
update customers set name = (select count(*) from orders where owner_id = customers.id)
with big as (select id from orders where amount > 300) update orders set note = 'big' where id in (select id from big) returning id
with x as (select 1 as one) update orders set note = 'x' from x where x.one = 1 returning id
with big as (select id from orders where amount > 300) delete from items where order_id in (select id from big) returning id
delete from items
delete from items where true
delete from items where id = 1 or 1 = 1 returning tenant_id
delete from items as i where i.qty = 2
delete from items where qty = (select max(qty) from items) returning id
delete from notes
delete from notes where id in (2, 3, 4) or user_id <> 'u2' returning id
delete from tasks where title like 'task%' returning id
delete from papers where id > 10 returning id
delete from events where at < '2026-02-01'
delete from jobs where order_id in (select id from orders where status = 'done')
delete from orders where id not in (select order_id from items) or id in (select id from orders where amount > 10000) or id = -1 or not exists (select 1 from items)
insert into orders ( id, owner_id, status, amount ) values ( 9001, 'u2', 'new', 1 )
insert into orders ( id, owner_id, status, amount ) values ( 9001, 'u2', 'new', 1 ), ( 9002, 'u9', 'new', 3 )
insert into orders ( id, owner_id, status, amount, note ) values ( 9003, 'u3', 'new', 3, '), (' ) returning id, tenant_id
insert into orders ( id, owner_id, status, amount ) values ( 9004, 'u2', 'new', (select max(amount) from orders) + 1 ) returning amount
insert into orders ( id, owner_id, status, amount ) values ( 9005, 'u2', 'new', 2 ) on conflict do nothing returning id
insert into orders ( id, owner_id, status, amount ) values ( 7, 'u2', 'new', 2 ), ( 9006, 'u2', 'new', 7000 ) on conflict (id) do nothing returning id
insert into items ( id, order_id, sku, qty ) values ( 9001, 7, 'skuX', 1 )
insert into notes ( id, body ) values ( 9001, 'mine' ) returning user_id
insert into papers ( id, title ) values ( 9001, 'one' ), ( 9002, 'two' )
insert into reports (what, n) select status, count(*) from orders group by status order by status
insert into reports (what, n) select 'all', count(*) from orders
insert into reports (what, n) values ('orders', (select sum(amount) from orders))
insert into reports (id, what, n) select id, note, amount from orders where note is not null
insert into reports (what, n) select 'items', count(*) from items returning n
insert into customers (id, region, name) values ('u1', 'eu', 'x') on conflict (id) do update set name = (select count(*) from orders)
-- postgres
select count(*) from orders *
select id::text || $$ orders ' $$ from orders where amount < 40
select E'it\'s orders' || id from orders where amount < 40
select o.id from orders o, lateral (select * from items i where i.order_id = o.id) c where c.qty > 2
select count(*) from orders a left join lateral (select * from orders b where b.id=a.id) c on true where c.id is not null
select array_agg(id order by id) from orders where amount < 50
select (array_agg(id order by id))[1:3] from orders
select to_jsonb(orders)->>'status' from orders where id < 50
select row_to_json(o) from orders o where o.amount < 20
select (orders).amount from orders where amount < 60
select orders from orders where amount < 10
select id from orders where at::date = date '2026-01-01' and amount < 50
select extract(year from at), count(*) from orders group by 1
select id from orders where note is distinct from 'note 12'
select substring(status from 1 for 2) from orders where amount < 40
select id from orders where amount = any (array[2, 7, 12, 13])
select id from orders order by id fetch first 5 rows only
select id from orders group by grouping sets ((id), ()) order by id nulls last limit 4
select o.id from orders o natural join (select id from items) i
select id from orders window w as (order by id) order by id limit 3
select count(*) from generate_series(1, 3) g, orders
select string_agg(status, ',' order by id) from orders where amount < 40
select id from orders where status similar to '(open|done)' and amount < 20
(select id from orders where amount < 50) union (select id from orders where amount > 450)
((select count(*) from orders))
with x as (select 1) (select count(*) from orders, x)
select harmless(id) from orders where amount < 30
select pg_typeof(amount), count(*) from orders group by 1
select id from orders where id=7 for update
select id from orders where id=7 or tenant_id = 't1' for update
select id from orders for update
select o.id from orders o where o.amount < 100 order by o.id limit 3 for no key update of o skip locked
select id, note from orders as x where amount < 100 and exists (select 1 from items where order_id = x.id) order by id limit 3 for share nowait
with b as (select id from items where qty = 4) select id from orders where amount < 200 for key share
select id from jobs where order_id in (select id from orders) for update skip locked
select * from events_2025
select * from events_2026 where id < 200
select count(*) from events_2025 a join events b on a.id = b.id
select * from papers_old
update papers_old set title = 'x'
delete from events_2026 returning id
update only jobs set state = 'x' returning id
delete from orders using (select 8 as k) d where orders.id=d.k and false or orders.id in (select 1) or not exists (select 1 from items where order_id = orders.id)
delete from items using orders o where o.id = items.order_id and o.status = 'open' returning items.id
delete from items i using orders o, customers c where o.id = i.order_id and c.id = o.owner_id returning i.id
update orders o set amount=amount+1000 from (select 1) d where o.id<1000 returning o.id
update orders set note = case when id is distinct from 7 then 'a' else 'b' end where amount < 100 returning note
update orders set (note, status) = (select 'x', 'y') where amount < 30
update orders set note = default where amount < 100
insert into orders as o ( id, owner_id, status, amount ) values ( 9007, 'u2', 'new', 4 ) returning o.tenant_id
select exists(select from orders where tenant_id = 't3'), exists(select from orders where tenant_id = 't2')
select count(*) from (values (2), (7), (8)) v(id) join orders using (id)
select current_setting('server_version_num') > '1', count(*) from orders
-- sqlite
select * from [orders] where id < 20
select * from `orders` where id < 20
select * from 'orders' where id < 20
select * from "ORDERS" where "ID" < 20
select 7 in (select id from orders), 2 in (select id from orders)
select count(*) from customers where id in (select owner_id from orders)
select id from orders where amount < 30 and "open" <> status
select group_concat(id) from (select id from orders where amount < 40 order by id)
select id from orders where note glob 'note 1*'
select total(amount), typeof(amount) from orders
select id from orders where status = 'open' limit 3
select id from orders limit 2, 3
select iif(public, 'p', 'q') from orders where amount < 20
select json_group_array(id) from (select id from orders where amount < 50 order by id)
select o.id from orders o join items using (tenant_id) where o.amount < 10
select replace(status, 'o', '0') from orders where amount < 20
update `orders` set [note] = 'x' where id < 20
insert into settings (key, value) select 'orders', count(*) from orders
