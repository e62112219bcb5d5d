extension ScriptTests {
    /// What Loki does not have.
    static let extensions = #"""
        clear
        load
          {job="e"} "level=info took=90ms n=1" @ 10s
          {job="e"} "level=error took=2s n=2" @ 20s
          {job="e"} "level=info took=1h n=3" @ 30s
          {job="e"} "level=info n=4" @ 40s
          {job="o"} "level=warn took=5s n=5" @ 35s
        eval select from 0 to 60s forward {job="e"} | logfmt n, level | keep job, n, level | distinct level
          {job="e"} "level=info took=90ms n=1" @ 10s [parsed level="info" n="1"]
          {job="e"} "level=error took=2s n=2" @ 20s [parsed level="error" n="2"]
        eval select from 0 to 60s backward {job="e"} | logfmt n, level | distinct (level, none)
          {job="e"} "level=info n=4" @ 40s [parsed level="info" n="4"]
          {job="e"} "level=error took=2s n=2" @ 20s [parsed level="error" n="2"]
        eval select from 0 to 60s forward {job="e"} | distinct none
          expect empty
        eval select from 0 to 60s forward {job=~"e|o"} | logfmt took | sort by (took desc)
          {job="e"} "level=info took=1h n=3" @ 30s [parsed took="1h"]
          {job="o"} "level=warn took=5s n=5" @ 35s [parsed took="5s"]
          {job="e"} "level=error took=2s n=2" @ 20s [parsed took="2s"]
          {job="e"} "level=info took=90ms n=1" @ 10s [parsed took="90ms"]
          {job="e"} "level=info n=4" @ 40s [parsed took=""]
        eval select from 0 to 35s backward {job=~"e|o"} | logfmt level, n | sort level, n desc
          {job="e"} "level=error took=2s n=2" @ 20s [parsed level="error" n="2"]
          {job="e"} "level=info took=1h n=3" @ 30s [parsed level="info" n="3"]
          {job="e"} "level=info took=90ms n=1" @ 10s [parsed level="info" n="1"]
        eval select from 0 to 60s forward {job=~"e|o"} | logfmt | top 2 by (level)
          {level="info", hits="3"} "level=info hits=3" @ 40s
          {level="error", hits="1"} "level=error hits=1" @ 20s
        eval select from 0 to 60s forward {job=~"e|o"} | logfmt | top job, level
          {job="e", level="info", hits="3"} "job=e level=info hits=3" @ 40s
          {job="e", level="error", hits="1"} "job=e level=error hits=1" @ 20s
          {job="o", level="warn", hits="1"} "job=o level=warn hits=1" @ 35s
        eval select from 0 to 60s forward {job=~"e|o"} | logfmt level | facets 1
          {facet="job", value="e", hits="4"} "facet=job value=e hits=4" @ 40s
          {facet="level", value="info", hits="3"} "facet=level value=info hits=3" @ 40s
        eval select from 0 to 60s forward {job="e"} |= "error" | stream_context before 1 after 5
          {job="e"} "level=info took=90ms n=1" @ 10s
          {job="e"} "level=error took=2s n=2" @ 20s
          {job="e"} "level=info took=1h n=3" @ 30s
          {job="e"} "level=info n=4" @ 40s
        eval select from 15s to 25s forward {job=~"e|o"} | logfmt level | level="error" | stream_context after 1
          {job="e"} "level=error took=2s n=2" @ 20s [parsed level="error"]
          {job="e"} "level=info took=1h n=3" @ 30s
        eval select from 0 to 60s backward {job=~"e|o"} |= "n=4" or "n=5" | stream_context before 1
          {job="e"} "level=info n=4" @ 40s
          {job="o"} "level=warn took=5s n=5" @ 35s
          {job="e"} "level=info took=1h n=3" @ 30s
        eval select from 0 to 60s forward {job="e"} | logfmt | top = "x"
          expect empty
        eval select from 0 to 60s forward {job="e"} | top 5 by (level) | logfmt
          expect fail msg: come last
        eval select from 0 to 60s forward {job="e"} | distinct
          expect fail msg: unexpected $end, expecting IDENTIFIER
        eval select from 0 to 60s forward {job="e"} | facets 1 | stream_context before 1
          expect fail msg: stream_context comes before
        eval instant at 60s count_over_time({job="e"} | distinct level [1m])
          expect fail msg: | distinct looks at whole lines

        # Subqueries: an expression at every step, aggregated over a window.
        clear
        load
          {job="s", pod="a"} "x" @ 10s [repeat every 10s for 12]
          {job="s", pod="b"} "x" @ 60s [repeat every 5s for 6]
        eval instant at 120s max_over_time(count_over_time({job="s"}[30s])[2m:30s])
          {job="s", pod="a"} 3
          {job="s", pod="b"} 5
        eval instant at 120s avg_over_time(sum(count_over_time({job="s"}[30s]))[2m:30s])
          {} 4.5
        eval instant at 120s count_over_time(sum by (pod) (count_over_time({job="s"}[30s]))[1m:30s] offset 60s)
          {pod="a"} 2
          {pod="b"} 1
        eval instant at 120s quantile_over_time(0.5, rate({job="s", pod="a"}[10s])[1m:])
          {job="s", pod="a"} 0.1
        eval range from 60s to 120s step 30s last_over_time(count_over_time({job="s", pod="b"}[30s])[30s:10s])
          {job="s", pod="b"} 1 5 1
        eval instant at 120s rate(count_over_time({job="s"}[30s])[2m:30s])
          expect fail msg: rate takes lines, not a subquery
        eval instant at 120s max_over_time(count_over_time({job="s"}[30s])[2m])
          expect fail msg: unexpected RANGE
        """#
}
