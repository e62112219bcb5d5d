/// Scripts of our own, in promqltest's format, with values derived by hand. Prometheus' suite runs with names removed
/// at the end; these hold for the default, where they go at once.
enum Scripts {
    static let all: [(name: String, text: String)] = [
        ("windows", windows), ("rates", rates), ("overTime", overTime), ("subqueries", subqueries),
        ("operators", operators),
        ("aggregations", aggregations), ("names", names), ("labels", labels), ("dates", dates), ("elements", elements),
        ("histograms", histograms), ("extended", extended), ("fill", fill), ("modifiers", modifiers),
        ("info", info), ("startTimestamps", startTimestamps), ("sentences", sentences),
    ]

    /// The format ends a block at a blank line; the scripts here leave them out.
    static func spaced(_ text: String) -> String {
        text.split(separator: "\n").map { line in
            ["eval", "load", "clear"].contains { line.hasPrefix($0) } ? "\n" + line : String(line)
        }.joined(separator: "\n")
    }

    static let windows = """
        load 1m
          m 0 1 2 3 stale 5 _ _ _ _ _ 11
        eval instant at 3m m
          m 3
        # A stale marker hides the series until there is a sample again.
        eval instant at 4m m
        eval instant at 4m30s m
        eval instant at 5m m
          m 5
        # (t - 5m, t]: the left end is outside.
        eval instant at 9m59s m
          m 5
        eval instant at 10m m
        eval instant at 5m count_over_time(m[2m])
          {} 1
        eval instant at 3m count_over_time(m[3m])
          {} 3
        eval instant at 3m sum_over_time(m[2m1s])
          {} 6
        eval range from 0 to 11m step 1m m
          m 0 1 2 3 _ 5 5 5 5 5 _ 11
        """

    static let rates = """
        load 1m
          c_total 0 60 120 180 240 300
          reset_total 100 160 10 70
          g 10 8 6 4
          two_total 5 _ _ _ 65
        # 240 s sampled; 60 s to the start is a gap within 1.1 x 60: whole window, no cap by zero.
        eval instant at 5m rate(c_total[5m])
          {} 1
        # Samples at 1..5 min of (0, 5m]: 240 / 240 s x 300 s.
        eval instant at 5m increase(c_total[5m])
          {} 300
        # Samples 160, 10, 70 in (0, 3m]: -90 + 160 = 70 over 120 s; 60 s to the start, all extrapolated: 70 x 180/120.
        eval instant at 3m increase(reset_total[3m])
          {} 105
        # All four: -30 + 160 = 130; the start lies 60 s off, the zero point 180 x 100/130 s: extrapolates 60 s of 180.
        eval instant at 3m increase(reset_total[4m])
          {} 173.33333333333334
        eval instant at 3m delta(g[3m])
          {} -6
        eval instant at 3m idelta(g[3m])
          {} -2
        eval instant at 2m irate(reset_total[3m])
          {} 0.16666666666666666
        eval instant at 3m deriv(g[4m])
          {} -0.03333333333333333
        eval instant at 3m predict_linear(g[4m], 60)
          {} 2
        eval instant at 3m resets(reset_total[4m])
          {} 1
        eval instant at 3m changes(g[4m])
          {} 3
        # One sample is no rate.
        eval instant at 3m rate(two_total[4m])
        # Samples 8, 6, 4: two resets, -4 + 8 + 6 = 10 over 120 s, extrapolated by 60 s (zero lies 96 s off).
        eval instant at 3m rate(g[3m])
          expect info msg: PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "g" (1:6)
          {} 0.08333333333333333
        clear
        load 1m
          zero_total _ _ _ 1 3
        # From 1 to 3 in 60 s, so at zero 30 s before the first sample: 2 x (60 + 30 + 0) / 60.
        eval instant at 4m increase(zero_total[5m])
          {} 3
        """

    static let overTime = """
        load 1m
          m 4 NaN 2 8
          k 7 7 7 7
        eval instant at 3m max_over_time(m[4m])
          {} 8
        eval instant at 3m min_over_time(m[4m])
          {} 2
        eval instant at 3m avg_over_time(k[4m])
          {} 7
        eval instant at 3m sum_over_time(m[2m])
          {} 10
        eval instant at 3m stddev_over_time(m[2m])
          {} 3
        eval instant at 3m stdvar_over_time(m[2m])
          {} 9
        eval instant at 3m quantile_over_time(0.5, m[2m])
          {} 5
        eval instant at 3m quantile_over_time(2, m[2m])
          expect warn msg: PromQL warning: quantile value should be between 0 and 1, got 2 (1:20)
          {} Inf
        eval instant at 3m last_over_time(m[4m])
          m 8
        eval instant at 3m first_over_time(m[4m])
          m 4
        eval instant at 3m present_over_time(m[4m])
          {} 1
        eval instant at 3m changes(m[4m])
          {} 3
        eval instant at 3m mad_over_time(k[4m])
          {} 0
        eval instant at 3m ts_of_max_over_time(m[4m])
          {} 180
        eval instant at 3m ts_of_min_over_time(m[4m])
          {} 120
        eval instant at 3m absent_over_time(nothing{a="b", c=~"d"}[4m])
          {a="b"} 1
        eval instant at 3m absent(m)
        eval instant at 3m absent(nothing{job="x", job="y", a="b"})
          {a="b"} 1
        eval instant at 3m double_exponential_smoothing(k[4m], 0.5, 0.5)
          {} 7
        """

    static let subqueries = """
        load 10s
          m 0+1x100
        # Points are multiples of the step, strictly after the start: 60..100 s of (50 s, 100 s].
        eval instant at 100s count_over_time(m[50s:10s])
          {} 5
        eval instant at 105s sum_over_time(m[50s:20s])
          {} 24
        eval instant at 100s max_over_time(m[1m:20s] offset 20s)
          {} 8
        eval instant at 1000s avg_over_time((m > 98)[1m:10s])
          {} 99.5
        eval range from 100s to 120s step 10s sum_over_time(m[20s:10s])
          {} 19 21 23
        eval instant at 100s sum_over_time(m[50s:10s] @ 60)
          {} 20
        """

    static let operators = """
        load 1m
          a{i="0"} 1 2
          a{i="1"} 3 4
          b{i="0"} 10 20
          b{i="2"} 30 40
          info{i="0", v="x"} 1 1
        eval instant at 1m a + b
          {i="0"} 22
        eval instant at 1m a and b
          a{i="0"} 2
        eval instant at 1m a unless b
          a{i="1"} 4
        eval instant at 1m a or b
          a{i="0"} 2
          a{i="1"} 4
          b{i="2"} 40
        eval instant at 1m a > 2
          a{i="1"} 4
        eval instant at 1m 2 < a
          a{i="1"} 4
        eval instant at 1m a > bool 2
          {i="0"} 0
          {i="1"} 1
        eval instant at 1m a * on(i) group_left(v) info
          {i="0", v="x"} 2
        eval instant at 1m -7 % 5
          -2
        eval instant at 1m 2 ^ 3 ^ 2
          512
        eval instant at 1m -2 ^ 2
          -4
        eval instant at 1m 1 atan2 0
          1.5707963267948966
        eval instant at 1m 3 == bool 3
          1
        eval instant at 1m a / 0
          {i="0"} Inf
          {i="1"} Inf
        eval instant at 1m sum(a) + on() a
          expect fail regex: found duplicate series for the match group \\{\\} on the right hand-side of the operation: \\[.*\\];many-to-many matching not allowed: matching labels must be unique on one side
        eval instant at 1m a{i="0"} + on(j) a
          expect fail regex: hand-side of the operation: \\[{__name__="a", i="1"}, {__name__="a", i="0"}\\];many
        eval instant at 1m 2 </ 3
          expect fail msg: operator "</" not allowed for Scalar operations
        eval instant at 1m a + on() sum(b)
          expect fail msg: multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)
        eval instant at 1m a * on() group_left() sum(b)
          {i="0"} 120
          {i="1"} 240
        eval range from 0 to 1m step 1m a + b
          {i="0"} 11 22
        """

    static let aggregations = """
        load 1m
          m{g="x", i="0"} 1
          m{g="x", i="1"} 5
          m{g="y", i="0"} NaN
          m{g="y", i="1"} 3
        eval instant at 0 sum by (g) (m{i="0"})
          {g="x"} 1
          {g="y"} NaN
        eval instant at 0 sum without (i) (m{g="x"})
          {g="x"} 6
        eval instant at 0 max(m)
          {} 5
        eval instant at 0 min(m)
          {} 1
        eval instant at 0 avg(m{g="x"})
          {} 3
        eval instant at 0 count(m)
          {} 4
        eval instant at 0 group by (g) (m)
          {g="x"} 1
          {g="y"} 1
        eval instant at 0 stddev(m{g="x"})
          {} 2
        eval instant at 0 stdvar(m{g="x"})
          {} 4
        eval instant at 0 topk(2, m)
          expect ordered
          m{g="x", i="1"} 5
          m{g="y", i="1"} 3
        eval instant at 0 bottomk(3, m)
          expect ordered
          m{g="x", i="0"} 1
          m{g="y", i="1"} 3
          m{g="x", i="1"} 5
        eval instant at 0 topk(0, m)
        eval instant at 0 quantile(0.25, m{g="x"})
          {} 2
        eval instant at 0 count_values("v", m)
          {v="1"} 1
          {v="5"} 1
          {v="NaN"} 1
          {v="3"} 1
        eval instant at 0 sort(m)
          expect ordered
          m{g="x", i="0"} 1
          m{g="y", i="1"} 3
          m{g="x", i="1"} 5
          m{g="y", i="0"} NaN
        eval instant at 0 sort_desc(m)
          expect ordered
          m{g="x", i="1"} 5
          m{g="y", i="1"} 3
          m{g="x", i="0"} 1
          m{g="y", i="0"} NaN
        """

    static let names = """
        load 1m
          a_total{x="1"} 1 2 3
          b_total{x="1"} 2 4 6
        eval instant at 2m rate({__name__=~".*_total"}[3m])
          expect fail msg: vector cannot contain metrics with the same labelset
        eval instant at 2m sum by (__name__) (a_total)
          a_total 3
        eval instant at 2m abs(a_total)
          {x="1"} 3
        eval instant at 2m -a_total
          {x="1"} -3
        eval instant at 2m last_over_time(a_total[2m])
          a_total{x="1"} 3
        eval instant at 2m a_total > on(x) b_total
        eval instant at 2m a_total < on(x) b_total
          {x="1"} 3
        """

    static let labels = """
        load 1m
          m{src="source-value-10", a="1", b="2"} 1
        eval instant at 0 label_replace(m, "dst", "to-$1", "src", "source-value-(.*)")
          m{src="source-value-10", dst="to-10", a="1", b="2"} 1
        eval instant at 0 label_replace(m, "dst", "$1", "src", "value-(.*)")
          m{src="source-value-10", a="1", b="2"} 1
        eval instant at 0 label_replace(m, "src", "", "src", ".*")
          m{a="1", b="2"} 1
        eval instant at 0 label_replace(m, "dst", "${n}", "src", "(?P<n>s).*")
          m{src="source-value-10", dst="s", a="1", b="2"} 1
        eval instant at 0 label_join(m, "c", "-", "a", "none", "b")
          m{src="source-value-10", a="1", b="2", c="1--2"} 1
        """

    static let dates = """
        # 2024-02-29T13:45:10Z, a Thursday.
        load 1m
          t 1709214310
        eval instant at 0 year(t)
          {} 2024
        eval instant at 0 month(t)
          {} 2
        eval instant at 0 day_of_month(t)
          {} 29
        eval instant at 0 day_of_week(t)
          {} 4
        eval instant at 0 day_of_year(t)
          {} 60
        eval instant at 0 days_in_month(t)
          {} 29
        eval instant at 0 hour(t)
          {} 13
        eval instant at 0 minute(t)
          {} 45
        eval instant at 0 year(vector(-1))
          {} 1969
        eval instant at 90s timestamp(t)
          {} 0
        eval instant at 90s timestamp(t + 0)
          {} 90
        eval instant at 90s time()
          90
        """

    static let elements = """
        load 1m
          m -2.5
        eval instant at 0 abs(m)
          {} 2.5
        eval instant at 0 ceil(m)
          {} -2
        eval instant at 0 floor(m)
          {} -3
        eval instant at 0 round(m)
          {} -2
        eval instant at 0 round(m, 0.2)
          {} -2.4
        eval instant at 0 clamp(m, -1, 1)
          {} -1
        eval instant at 0 clamp(m, 1, -1)
        eval instant at 0 clamp_min(m, 0)
          {} 0
        eval instant at 0 clamp_max(m, -3)
          {} -3
        eval instant at 0 sgn(m)
          {} -1
        eval instant at 0 sqrt(m)
          {} NaN
        eval instant at 0 exp(m * 0)
          {} 1
        eval instant at 0 ln(vector(1))
          {} 0
        eval instant at 0 log2(vector(8))
          {} 3
        eval instant at 0 log10(vector(1000))
          {} 3
        eval instant at 0 deg(vector(pi()))
          {} 180
        eval instant at 0 rad(vector(180))
          {} 3.141592653589793
        eval instant at 0 scalar(m)
          -2.5
        eval instant at 0 scalar(nothing)
          NaN
        """

    static let histograms = """
        load 1m
          h_bucket{le="1"} 10
          h_bucket{le="2"} 30
          h_bucket{le="4"} 40
          h_bucket{le="+Inf"} 40
          open_bucket{le="1"} 1
          open_bucket{le="2"} 2
          n {{schema:0 sum:5 count:4 buckets:[1 2 1]}}
        eval instant at 0 histogram_quantile(0.5, h_bucket)
          {} 1.5
        eval instant at 0 histogram_quantile(0.1, h_bucket)
          {} 0.4
        eval instant at 0 histogram_quantile(1, h_bucket)
          {} 4
        # Without +Inf there is no answer.
        eval instant at 0 histogram_quantile(0.5, open_bucket)
          {} NaN
        eval instant at 0 histogram_fraction(1, 3, h_bucket)
          {} 0.625
        eval instant at 0 histogram_count(n)
          {} 4
        eval instant at 0 histogram_sum(n)
          {} 5
        eval instant at 0 histogram_avg(n)
          {} 1.25
        eval instant at 0 n * 2
          {} {{schema:0 sum:10 count:8 buckets:[2 4 2]}}
        eval instant at 0 n + 1
          expect info msg: PromQL info: incompatible sample types encountered for binary operator "+": histogram + float (1:1)
        eval instant at 0 sum(n)
          {} {{schema:0 sum:5 count:4 buckets:[1 2 1]}}
        """

    static let extended = """
        load 1m
          c_total 0 60 120 180 240
        # The last sample at or before the left end counts: 240 - 60.
        eval instant at 4m30s increase(c_total[3m] anchored)
          {} 180
        # On the line between neighbours at both ends: at 90 s 90, at 3m30s 210.
        eval instant at 3m30s increase(c_total[2m] smoothed)
          {} 120
        eval instant at 3m30s rate(c_total[2m] smoothed)
          {} 1
        eval instant at 3m resets(c_total[2m] anchored)
          {} 0
        eval instant at 3m changes(c_total[2m] anchored)
          {} 2
        eval instant at 90s c_total smoothed
          c_total 90
        clear
        load 1m
          h {{schema:0 sum:0 count:0}}+{{schema:0 sum:60 count:60 buckets:[60]}}x4
        eval instant at 4m30s increase(h[3m] anchored)
          {} {{schema:0 sum:180 count:180 buckets:[180] counter_reset_hint:gauge}}
        eval instant at 3m30s rate(h[2m] smoothed)
          {} {{schema:0 sum:1 count:1 buckets:[1] counter_reset_hint:gauge}}
        # On the line between 60 and 120.
        eval instant at 90s histogram_count(h smoothed)
          {} 90
        clear
        load 1m
          r_total 100 40
          b {{schema:0 sum:8 count:8 buckets:[8]}} {{schema:0 sum:4 count:4 buckets:[4] counter_reset_hint:reset}}
          mix 1 {{schema:0 sum:1 count:1 buckets:[1]}} 3
        # Both ends on the line from 0 to 40 behind the reset: 30 - 10.
        eval instant at 45s increase(r_total[30s] smoothed)
          {} 20
        eval instant at 45s increase(b[30s] smoothed)
          {} {{schema:0 sum:2 count:2 buckets:[2] counter_reset_hint:gauge}}
        # The anchor is the histogram at 1 min, and then a float comes.
        eval instant at 2m changes(mix[1m] anchored)
          {} 1
        # A range vector on its own has a sample at each bound.
        eval instant at 90s r_total[1m] anchored
          expect range vector from 30s to 90s step 30s
          r_total 100 40 40
        eval instant at 90s r_total[1m] smoothed
          expect range vector from 30s to 90s step 30s
          r_total 70 40 40
        eval instant at 3m r_total[1m] anchored
          expect range vector from 2m to 3m step 1m
        eval_fail instant at 2m b[1m] anchored
          expected_fail_message smoothed and anchored modifiers do not work with native histograms
        eval_fail instant at 2m b[1m] smoothed
          expected_fail_regexp native hist[a-z]+
        eval instant at 30s mix smoothed
          expect warn msg: PromQL warning: encountered a mix of histograms and floats for metric name "mix" (1:1)
        """

    static let info = """
        load 1m
          m{instance="a", job="1", env="x"} 1 2 3
          target_info{instance="a", job="1", v="1"} 1 1 1
          target_info{instance="a", job="1", v="2", kind="new"} _ 1 _
        # Two that are equally new contradict each other, unless a matcher takes one of them.
        eval range from 0 to 0 step 1m info(m)
          m{instance="a", job="1", env="x", v="1"} 1
        eval instant at 1m info(m)
          expect fail regex: found duplicate series for info metric: existing .+ @ 60000, new .+ @ 60000
        eval range from 0 to 2m step 1m info(m, {v="1"})
          m{instance="a", job="1", env="x", v="1"} 1 2 3
        # The older one too, as long as it is there.
        eval range from 0 to 2m step 1m info(m, {kind=~".+", v=~"1|2", v!="1"})
          m{instance="a", job="1", env="x", v="2", kind="new"} _ 2 3
        clear
        load 1m
          m{instance="a", job="1", env="x"} 1
          m{instance="a", job="1"} 2
          target_info{instance="a", job="1", env="x"} 1
        eval instant at 0 info(m)
          expect fail msg: vector cannot contain metrics with the same labelset
        """

    static let startTimestamps = """
        load 1m
          a_total@st 10s 10s+0sx1 -30s
          a_total 10 20 30 40
          d_total@st _ -1mx2
          d_total 5 5 5 5
          plain 1 2 3 4
        # Between two and three minutes it began anew.
        eval instant at 3m resets(a_total[3m])
          {} 1
        # 20, 30, 40 with a start at 150 s: 20 + 30 over 120 s. The first sample's start lies behind the sample and says
        # nothing; by its value it was zero 120 x 20/50 = 48 s before: 50 x 168/120.
        eval instant at 3m increase(a_total[3m])
          {} 70
        eval instant at 3m irate(a_total[3m])
          {} 0.6666666666666666
        eval instant at 3m start_timestamp(a_total)
          {} 150
        eval instant at 3m start_timestamp(plain)
          {} 0
        eval instant at 3m start_timestamp(plain + 0)
        # Deltas: each begins where the one before it was taken.
        eval instant at 3m irate(d_total[3m])
          {} 0.08333333333333333
        # One sample whose counter began inside the window is a rate.
        eval instant at 3m increase(a_total[59s])
          {} 40
        """

    /// What is said beside an answer, and where.
    static let sentences = """
        load 1m
          m 1 2 3
          h {{schema:0 sum:1 count:1 buckets:[1]}} {{schema:0 sum:2 count:2 buckets:[2]}} {{schema:0 sum:3 count:3 buckets:[3]}}
        eval range from 1m to 2m step 1m sum(sort_desc(m))
          expect warn msg: PromQL warning: sort is ineffective for range queries since results are always ordered by labels (1:5)
          {} 2 3
        # One sample gives no rate, and so nothing to complain of.
        eval instant at 0 rate(m[2m])
          expect no_info
        eval instant at 2m quantile_over_time(2, none[2m])
          expect no_warn
        eval instant at 2m quantile_over_time(2, m[2m])
          expect warn msg: PromQL warning: quantile value should be between 0 and 1, got 2 (1:20)
          {} +Inf
        eval instant at 2m quantile(-1, m)
          expect warn msg: PromQL warning: quantile value should be between 0 and 1, got -1 (1:10)
          {} -Inf
        eval instant at 2m delta(h[3m])
          expect warn msg: PromQL warning: this native histogram metric is not a gauge: "h" (1:7)
          {} {{schema:0 sum:3 count:3 buckets:[3] counter_reset_hint:gauge}}
        eval instant at 2m count_values("a\\xc5z", m)
          expect fail msg: invalid label name "a\\xc5z"
        eval instant at 2m label_join(m, "\\xff", "-", "a")
          expect fail regex: invalid destination label name in label_join\\(\\): .*
        # The matcher that comes last decides.
        eval instant at 2m absent(none{a!="x", a="y", b="z"})
          {a="y", b="z"} 1
        eval instant at 2m clamp_min(m / 0, NaN)
          {} +Inf
        eval instant at 2m clamp_min(m, NaN)
          {} NaN
        """

    static let fill = """
        load 1m
          l{i="0"} 1
          l{i="1"} 2
          r{i="1"} 10
          r{i="2"} 20
        eval instant at 0 l + fill(0) r
          {i="0"} 1
          {i="1"} 12
          {i="2"} 20
        eval instant at 0 l + fill_left(5) r
          {i="1"} 12
          {i="2"} 25
        eval instant at 0 l - fill_right(1) r
          {i="0"} 0
          {i="1"} -8
        # With group_right the left value is for the side of the many, as in Prometheus.
        eval instant at 0 l * on(i) group_right fill_left(3) r
          {i="0"} 3
          {i="1"} 20
        """

    static let modifiers = """
        load 10s
          m 0+1x100
        eval instant at 100s m @ 50
          m 5
        eval instant at 100s m offset 50s
          m 5
        eval instant at 100s m @ 50 offset -10s
          m 6
        eval range from 0 to 30s step 10s m @ end()
          m 3 3 3 3
        eval range from 10s to 30s step 10s m @ start()
          m 1 1 1
        eval range from 50s to 70s step 10s m offset 20s
          m 3 4 5
        """
}
