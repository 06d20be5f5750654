-- The SQL work of one scan in one round trip, as no application that decides anything in between can do it.
\set n :step * random(1, :cards) - 1
\set unique_part random(1, 9000000000000000000)
SELECT bench_scan(:program, sha256(:n::text::bytea), :scope, lpad(:unique_part::text, 32, '0'), :amount, :receipt, :store, :partner, :api_key, :rule_set, :points_id, :points, :rule, :version, :steps, :fact, decode(:fingerprint, 'hex'), :answer);
