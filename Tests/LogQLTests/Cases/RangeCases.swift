extension ScriptTests {
    static let ranges = #"""
        # Windows take their end and not their beginning; an empty one has no point.
        clear
        load
          {job="a"} "keep 12" @ 0s [repeat every 10s for 13]
          {job="a"} "noise" @ 5s [repeat every 10s for 13]
        eval instant at 60s count_over_time({job="a"} |= "keep" [30s])
          {job="a"} 3
        eval range from 60s to 180s step 60s rate({job="a"} |= "keep" [30s])
          {job="a"} 0.1 0.1 _
        eval range from 0s to 30s step 10s bytes_over_time({job="a"} |= "keep" [20s])
          {job="a"} 7 14 14 14
        eval instant at 60s bytes_rate({job="a"} |= "keep" [20s])
          {job="a"} 0.7
        eval range from 60s to 150s step 30s count_over_time({job="a"} |= "keep" [20s] offset 90s)
          {job="a"} _ 1 2 2
        eval instant at 0s count_over_time({job="a"} [10s] offset -10s)
          {job="a"} 2
        eval instant at 60s rate({job="a"}[30s]) > bool 0.1
          {job="a"} 1
        eval range from 100s to 160s step 20s absent_over_time({job="a", zone=~".+"} [10s])
          {job="a"} 1 1 1 1
        eval range from 100s to 160s step 20s absent_over_time({job="a"} |= "keep" [10s])
          {job="a"} _ _ 1 1
        eval instant at 60s count_over_time({job="a"} | unwrap x [1m])
          expect fail msg: invalid aggregation count_over_time with unwrap
        eval instant at 60s sum_over_time({job="a"} [1m])
          expect fail msg: invalid aggregation sum_over_time without unwrap
        eval instant at 60s rate({job="a"} [1m]) by (job)
          expect fail msg: grouping not allowed for rate aggregation
        eval instant at 60s quantile_over_time({job="a"} | unwrap x [1m])
          expect fail msg: parameter required for operation quantile_over_time

        # Unwrapped values: the label leaves the series; every aggregation, groups, filters behind the unwrap.
        clear
        load
          {job="v", pod="1"} "v=2 c=10" @ 10s
          {job="v", pod="1"} "v=4 c=30" @ 20s
          {job="v", pod="1"} "noise" @ 25s
          {job="v", pod="2"} "v=10 c=5" @ 30s
          {job="v", pod="2"} "v=20 c=1" @ 40s
        eval instant at 60s sum_over_time({job="v"} | logfmt v | unwrap v [1m])
          {job="v", pod="1"} 6
          {job="v", pod="2"} 30
        eval instant at 60s avg_over_time({job="v"} | logfmt v | unwrap v [1m]) by (pod)
          {pod="1"} 3
          {pod="2"} 15
        eval instant at 60s min_over_time({job="v"} | logfmt | unwrap v [1m]) without (pod, c)
          {job="v"} 2
        eval instant at 60s max_over_time({job="v"} | logfmt | unwrap v [1m]) by ()
          {} 20
        eval instant at 60s first_over_time({job="v"} | logfmt | unwrap v [1m]) by (job)
          {job="v"} 2
        eval instant at 60s last_over_time({job="v"} | logfmt | unwrap v [1m]) by (job)
          {job="v"} 20
        eval instant at 60s stdvar_over_time({job="v"} | logfmt | unwrap v [1m]) by (pod)
          {pod="1"} 1
          {pod="2"} 25
        eval instant at 60s stddev_over_time({job="v"} | logfmt | unwrap v [1m]) by (job)
          {job="v"} 7
        eval instant at 60s quantile_over_time(0.75, {job="v"} | logfmt | unwrap v [1m]) by (job)
          {job="v"} 12.5
        eval instant at 60s quantile_over_time(1.5, {job="v"} | logfmt | unwrap v [1m]) by (job)
          {job="v"} +Inf
        eval instant at 60s rate({job="v"} | logfmt v | unwrap v [1m])
          {job="v", pod="1"} 0.1
          {job="v", pod="2"} 0.5
        eval instant at 60s sum(sum_over_time({job="v"} | logfmt | unwrap v | v > 2, pod="1" [1m]))
          {} 4
        eval range from 20s to 60s step 20s sum(max_over_time({job="v"} | logfmt v | unwrap v [20s]))
          {} 4 20 _
        eval instant at 60s absent_over_time({job="v"} | logfmt | unwrap nothing [1m])
          {job="v"} 1
        eval instant at 60s sum(sum_over_time({job="v"} | logfmt | unwrap nothing [1m]))
          expect empty

        # Conversions, and values that do not convert.
        clear
        load
          {job="u"} "d=1h30m b=1.5KB n=-2.5e1" @ 10s
          {job="u"} "d=-5s b=2,048 n=+Inf" @ 20s
          {job="w"} "d=1d b=1XB n=abc" @ 10s
        eval range from 10s to 20s step 10s max_over_time({job="u"} | logfmt | unwrap duration(d) [10s]) by ()
          {} 5400 -5
        eval range from 10s to 20s step 10s max_over_time({job="u"} | logfmt | unwrap duration_seconds(d) [10s]) by ()
          {} 5400 -5
        eval range from 10s to 20s step 10s max_over_time({job="u"} | logfmt | unwrap bytes(b) [10s]) by ()
          {} 1500 2048
        eval range from 10s to 20s step 10s max_over_time({job="u"} | logfmt | unwrap n [10s]) by ()
          {} -25 +Inf
        eval instant at 30s max_over_time({job="w"} | logfmt | unwrap duration(d) [1m])
          expect fail msg: time: unknown unit \"d\" in duration \"1d\"
        eval instant at 30s max_over_time({job="w"} | logfmt | unwrap bytes(b) [1m])
          expect fail msg: unhandled size name: xb
        eval instant at 30s max_over_time({job="w"} | logfmt | unwrap n [1m])
          expect fail msg: strconv.ParseFloat: parsing \"abc\": invalid syntax
        eval instant at 30s max_over_time({job="w"} | logfmt | unwrap n | __error__="" [1m])
          expect empty
        # NaN and infinities as IEEE has them.
        eval instant at 30s sum(sum_over_time({job="u"} | logfmt | unwrap n [1m]))
          {} +Inf
        eval instant at 30s avg_over_time({job="u"} | logfmt | unwrap n [1m]) by ()
          {} +Inf

        # Counters: resets are added back, the rate is stretched to the window's edges, never below zero.
        clear
        load
          {job="c"} "c=30" @ 30s
          {job="c"} "c=60" @ 60s
          {job="c"} "c=90" @ 90s
          {job="c"} "c=30" @ 120s
          {job="c"} "c=60" @ 150s
          {job="z"} "c=40" @ 180s
          {job="z"} "c=100" @ 210s
        eval instant at 150s rate_counter({job="c"} | logfmt | unwrap c [2m])
          {job="c"} 1
        eval instant at 30s rate_counter({job="c"} | logfmt | unwrap c [10s])
          {job="c"} 0
        eval instant at 210s rate_counter({job="z"} | logfmt | unwrap c [90s])
          {job="z"} 1
        eval instant at 210s rate_counter({job="z"}[90s])
          expect fail msg: invalid aggregation rate_counter without unwrap

        # Distinct values, exact: by either name. Series are streams unless groups are named.
        clear
        load
          {job="d", pod="1"} "id=1" @ 10s
          {job="d", pod="1"} "id=1" @ 15s
          {job="d", pod="1"} "id=2" @ 20s
          {job="d", pod="2"} "id=2" @ 30s
          {job="d", pod="2"} "id=" @ 35s
          {job="d", pod="2"} "other" @ 36s
          {job="m"} "x" @ 1ms [repeat every 1ms for 3000] [metadata id="a"]
        eval instant at 60s approx_count_distinct(id, {job="d"} | logfmt [1m])
          {job="d", pod="1"} 2
          {job="d", pod="2"} 1
        eval instant at 60s count_distinct(id, {job="d"} | logfmt --keep-empty [1m]) by (job)
          {job="d"} 2
        eval range from 15s to 45s step 15s count_distinct(id, {job="d"} | logfmt [15s]) by ()
          {} 1 1 _
        eval instant at 30s count_distinct(id, {job="d"} | logfmt [15s] offset 5s) by ()
          {} 2
        eval instant at 60s count_distinct(pod, {job="d"}[1m])
          {job="d"} 2
        eval instant at 60s count_distinct(id, {job="m"}[1m])
          {job="m"} 1
        eval instant at 60s count_distinct(id, {job="d"} | logfmt | unwrap id [1m])
          expect fail msg: unwrap is not supported for count_distinct()
        """#

    static let vectors = #"""
        clear
        load
          {app="foo", pod="a"} "x" @ 10s [repeat every 10s for 6]
          {app="foo", pod="b"} "x" @ 5s [repeat every 5s for 12]
          {app="bar", pod="a"} "x" @ 20s [repeat every 20s for 3]
        eval instant at 60s sum(count_over_time({app=~".+"}[1m]))
          {} 21
        eval instant at 60s sum by (app) (count_over_time({app=~".+"}[1m]))
          {app="foo"} 18
          {app="bar"} 3
        eval instant at 60s avg without (pod) (count_over_time({app=~".+"}[1m]))
          {app="foo"} 9
          {app="bar"} 3
        eval instant at 60s min(count_over_time({app=~".+"}[1m]))
          {} 3
        eval instant at 60s max by (pod) (count_over_time({app=~".+"}[1m]))
          {pod="a"} 6
          {pod="b"} 12
        eval instant at 60s count(count_over_time({app=~".+"}[1m]))
          {} 3
        eval instant at 60s stddev(count_over_time({app="foo"}[1m]))
          {} 3
        eval instant at 60s stdvar(count_over_time({app="foo"}[1m]))
          {} 9
        eval instant at 60s topk(2, count_over_time({app=~".+"}[1m]))
          {app="foo", pod="a"} 6
          {app="foo", pod="b"} 12
        eval range from 20s to 60s step 20s bottomk(1, count_over_time({app=~".+"}[20s]))
          {app="bar", pod="a"} 1 1 1
        eval instant at 60s topk(1, count_over_time({app=~".+"}[1m])) by (app)
          {app="foo", pod="b"} 12
          {app="bar", pod="a"} 3
        eval instant at 60s approx_topk(1, sum by (app) (count_over_time({app=~".+"}[1m])))
          {app="foo"} 18
        eval instant at 60s sort(count_over_time({app=~".+"}[1m])) + 1
          expect ordered
          {app="bar", pod="a"} 4
          {app="foo", pod="a"} 7
          {app="foo", pod="b"} 13
        eval instant at 60s sort_desc(count_over_time({app=~".+"}[1m]))
          expect ordered
          {app="foo", pod="b"} 12
          {app="foo", pod="a"} 6
          {app="bar", pod="a"} 3
        eval range from 20s to 60s step 20s approx_topk(1, count_over_time({app=~".+"}[1m]))
          expect fail msg: approx_topk is only supported on instant queries
        eval instant at 60s topk(1.5, count_over_time({app=~".+"}[1m]))
          expect fail msg: invalid parameter topk(1.5,
        eval instant at 60s sort(count_over_time({app=~".+"}[1m])) by (app)
          expect fail msg: grouping not allowed for sort aggregation
        # Binary operations: scalars on both sides, comparisons that filter or answer, sets, matching.
        eval instant at 60s 2 * sum by (app) (count_over_time({app=~".+"}[1m])) - 1
          {app="foo"} 35
          {app="bar"} 5
        eval instant at 60s 4 < sum by (app) (count_over_time({app=~".+"}[1m]))
          {app="foo"} 18
        eval instant at 60s sum by (app) (count_over_time({app=~".+"}[1m])) <= bool 3
          {app="foo"} 0
          {app="bar"} 1
        eval instant at 60s count_over_time({app=~".+"}[1m]) / on (app) group_left sum by (app) (count_over_time({app=~".+"}[1m]))
          {app="foo", pod="a"} 0.3333333333333333
          {app="foo", pod="b"} 0.6666666666666666
          {app="bar", pod="a"} 1
        eval instant at 60s sum by (app) (count_over_time({app=~".+"}[1m])) and ignoring (pod) sum by (app) (count_over_time({app="foo"}[1m]))
          {app="foo"} 18
        eval instant at 60s sum by (app) (count_over_time({app=~".+"}[1m])) unless sum by (app) (count_over_time({app="foo"}[1m]))
          {app="bar"} 3
        eval instant at 60s sum(count_over_time({app="none"}[1m])) or vector(0)
          {} 0
        eval instant at 60s count_over_time({app="foo"}[1m]) * on (app) count_over_time({app="foo"}[1m])
          expect fail
        eval instant at 60s sum(count_over_time({app="foo"}[1m])) % 5 ^ 2
          {} 18
        eval instant at 60s vector(1) + vector(1)
          {} 2
        eval range from 0s to 60s step 30s vector(2m) / 1KiB
          {} 0.1171875 0.1171875 0.1171875
        eval instant at 60s 1 + 2 * 3 ^ 2 - 5m
          {} -281
        # label_replace: anchored, into a new label, in place, away.
        eval instant at 60s label_replace(sum by (app) (count_over_time({app=~".+"}[1m])), "first", "$1", "app", "(f).*")
          {app="foo", first="f"} 18
          {app="bar"} 3
        eval instant at 60s label_replace(sum by (app) (count_over_time({app="foo"}[1m])), "app", "", "app", ".*")
          {} 18
        eval instant at 60s label_replace(sum by (app) (count_over_time({app="foo"}[1m])), "zone", "eu", "none", "")
          {app="foo", zone="eu"} 18
        eval instant at 60s label_replace(vector(1), "a", "b", "c", "(")
          expect fail msg: invalid regex in label_replace: error parsing regexp: missing closing ): `(`
        # Comments and lines of a query, keywords in any case.
        eval instant at 60s SUM BY (app) (COUNT_OVER_TIME({app="foo"}[1m]))
          {app="foo"} 18
        """#
}
