extension ScriptTests {
    static let filters = #"""
        # Line filters: bytes, expressions, patterns; `or` hands the operator on; negatives want none of all.
        clear
        load
          {job="a"} "GET /cart 200 src 10.1.2.3:80" @ 10s
          {job="a"} "POST /cart 500 src 192.168.0.9" @ 20s
          {job="a"} "get /x 404 at 2001:db8::7" @ 30s
          {job="a"} "done" @ 40s
        eval select from 0 to 60s forward {job="a"} |= "cart" != "500"
          {job="a"} "GET /cart 200 src 10.1.2.3:80" @ 10s
        eval select from 0 to 60s forward {job="a"} |= "done" or "404"
          {job="a"} "get /x 404 at 2001:db8::7" @ 30s
          {job="a"} "done" @ 40s
        eval select from 0 to 60s forward {job="a"} != "done" or "404" or "GET"
          {job="a"} "POST /cart 500 src 192.168.0.9" @ 20s
        eval select from 0 to 60s forward {job="a"} |~ "(?i)^get" !~ "404|x{5}"
          {job="a"} "GET /cart 200 src 10.1.2.3:80" @ 10s
        eval select from 0 to 60s forward {job="a"} |~ `\d{3} src` or "^done$"
          {job="a"} "GET /cart 200 src 10.1.2.3:80" @ 10s
          {job="a"} "POST /cart 500 src 192.168.0.9" @ 20s
          {job="a"} "done" @ 40s
        eval select from 0 to 60s forward {job="a"} |> "<_> /cart <_>" !> "POST <_>"
          {job="a"} "GET /cart 200 src 10.1.2.3:80" @ 10s
        eval select from 0 to 60s forward {job="a"} |> "do<_>" or "get <_>"
          {job="a"} "get /x 404 at 2001:db8::7" @ 30s
          {job="a"} "done" @ 40s
        eval select from 0 to 60s backward {job="a"} |= ip("10.0.0.0/8") or "done"
          {job="a"} "done" @ 40s
          {job="a"} "GET /cart 200 src 10.1.2.3:80" @ 10s
        eval select from 0 to 60s forward {job="a"} |= ip("192.168.0.1-192.168.0.20")
          {job="a"} "POST /cart 500 src 192.168.0.9" @ 20s
        eval select from 0 to 60s forward {job="a"} |= ip("2001:db8::/32")
          {job="a"} "get /x 404 at 2001:db8::7" @ 30s
        eval select from 0 to 60s forward {job="a"} != ip("10.1.2.3") != "done" |= "src"
          {job="a"} "POST /cart 500 src 192.168.0.9" @ 20s
        eval select from 0 to 25s forward {job="a"} |= "" |~ ""
          {job="a"} "GET /cart 200 src 10.1.2.3:80" @ 10s
          {job="a"} "POST /cart 500 src 192.168.0.9" @ 20s
        eval select from 0 to 60s forward {job="a"} |= "" != ""
          expect empty
        eval select from 0 to 60s forward {job="a"} |~ "("
          expect fail msg: parse error : error parsing regexp: missing closing ): `(`
        eval select from 0 to 60s forward {job="a"} |= ip("10.0.0")
          expect fail msg: ip: invalid pattern
        eval select from 0 to 60s forward {job="a"} |> "<verb> x"
          expect fail msg: named captures are not allowed

        # Label filters on text: an absent label is an empty one; expressions match all of the value.
        clear
        load
          {job="t"} "name=alpha n=1" @ 10s
          {job="t"} "name=ALPHA n=2" @ 20s
          {job="t"} "name= n=3" @ 30s
          {job="t"} "n=4" @ 40s [metadata name="meta"]
        eval instant at 60s sum by (n) (count_over_time({job="t"} | logfmt | name="alpha" [1m]))
          {n="1"} 1
        eval instant at 60s sum by (n) (count_over_time({job="t"} | logfmt | name!="alpha" [1m]))
          {n="2"} 1
          {n="3"} 1
          {n="4"} 1
        eval instant at 60s sum by (n) (count_over_time({job="t"} | logfmt | name=~"(?i)al.*" [1m]))
          {n="1"} 1
          {n="2"} 1
        eval instant at 60s sum by (n) (count_over_time({job="t"} | logfmt | name!~"alph|.*a" [1m]))
          {n="2"} 1
          {n="3"} 1
        eval instant at 60s sum by (n) (count_over_time({job="t"} | logfmt | name="" [1m]))
          {n="3"} 1
        eval instant at 60s count_over_time({job="t"} | logfmt --keep-empty | name="" [1m])
          {job="t", name="", n="3"} 1
        eval instant at 60s sum by (name) (count_over_time({job="t"} | name="meta" [1m]))
          {name="meta"} 1

        # Numbers, durations and sizes convert both sides; a line without the label goes; a failure is an error.
        clear
        load
          {job="n"} "code=200 took=90ms size=2KB id=1" @ 10s
          {job="n"} "code=500.0 took=2s size=3MiB id=2" @ 20s
          {job="n"} "code=-1e3 took=1h30m size=1.5GB id=3" @ 30s
          {job="n"} "id=4" @ 40s
          {job="bad"} "code=oops took=90 size=big day=1d id=5" @ 10s
        eval instant at 60s sum by (id) (count_over_time({job="n"} | logfmt | code >= 500 [1m]))
          {id="2"} 1
        eval instant at 60s sum by (id) (count_over_time({job="n"} | logfmt | code == 500 or code < -999.5 [1m]))
          {id="2"} 1
          {id="3"} 1
        eval instant at 60s sum by (id) (count_over_time({job="n"} | logfmt | code != 200 [1m]))
          {id="2"} 1
          {id="3"} 1
        eval instant at 60s sum by (id) (count_over_time({job="n"} | logfmt | took > 1.5s, took <= 90m [1m]))
          {id="2"} 1
          {id="3"} 1
        eval instant at 60s sum by (id) (count_over_time({job="n"} | logfmt | took = 5400s [1m]))
          {id="3"} 1
        eval instant at 60s sum by (id) (count_over_time({job="n"} | logfmt | took < 1d12h [1m]))
          {id="1"} 1
          {id="2"} 1
          {id="3"} 1
        eval instant at 60s sum by (id) (count_over_time({job="n"} | logfmt | size > 2KiB size < 1GiB [1m]))
          {id="2"} 1
        eval instant at 60s sum by (id) (count_over_time({job="n"} | logfmt | size == 2000B or size >= 1500MB [1m]))
          {id="1"} 1
          {id="3"} 1
        eval instant at 60s sum by (id) (count_over_time({job="bad"} | logfmt | code > 1 [1m]))
          expect fail msg: LabelFilterErr
        """#

    static let moreFilters = #"""
        clear
        load
          {job="bad"} "code=oops took=90 size=big day=1d id=5" @ 10s
          {job="bad"} "code=7 took=3s size=9B id=6" @ 20s
        eval select from 0 to 15s forward {job="bad"} | logfmt code, took, size, day | code > 1 | took > 1s
          {job="bad"} "code=oops took=90 size=big day=1d id=5" @ 10s [parsed code="oops" took="90" size="big" day="1d" __error__="LabelFilterErr" __error_details__="strconv.ParseFloat: parsing \"oops\": invalid syntax"]
        eval instant at 60s count_over_time({job="bad"} | logfmt | took > 1s [1m])
          expect fail msg: time: missing unit in duration \"90\"
        eval instant at 60s count_over_time({job="bad"} | logfmt | day > 1s [1m])
          expect fail msg: time: unknown unit \"d\" in duration \"1d\"
        eval instant at 60s count_over_time({job="bad"} | logfmt | code > 1s [1m])
          expect fail msg: time: invalid duration \"oops\"
        eval instant at 60s count_over_time({job="bad"} | logfmt | size > 1B [1m])
          expect fail msg: strconv.ParseFloat: parsing \"\": invalid syntax
        # The text says nothing to a filter that keeps the line, and only a filter on __error__ drops it.
        eval instant at 60s sum by (id) (count_over_time({job="bad"} | logfmt | took > 1s | __error__="" [1m]))
          {id="6"} 1
        eval instant at 60s count_over_time({job="bad"} | logfmt | took > 1s | __error__!="" [1m])
          expect fail msg: LabelFilterErr
        eval instant at 60s sum by (id) (count_over_time({job="bad"} | logfmt | took > 1s and code == 7 | __error__="" [1m]))
          {id="6"} 1
        # A later condition still drops a line that an earlier one could not judge.
        eval instant at 60s sum by (id) (count_over_time({job="bad"} | logfmt | took > 1s and id == 6 [1m]))
          {id="6"} 1
        # `or` does not ask its right side where the left holds.
        eval instant at 60s sum by (id) (count_over_time({job="bad"} | logfmt | id > 1 or took > 1s [1m]))
          {id="5"} 1
          {id="6"} 1
        eval instant at 60s count_over_time({job="bad"} | logfmt | __error__ > 0 [1m])
          expect fail msg: __error__ is a string label and cannot be compared with __error__>0
        eval instant at 60s count_over_time({job="bad"} | logfmt | __error_details__ != ip("1.1.1.1") [1m])
          expect fail msg: __error_details__ is a string label and cannot be compared with __error_details__!=ip("1.1.1.1")
        eval instant at 60s count_over_time({job="bad"} | logfmt | code == "7" [1m])
          expect fail msg: syntax error
        eval instant at 60s count_over_time({job="bad"} | logfmt | size > 1mb [1m])
          expect fail msg: syntax error

        # and before or; a comma or nothing is and, and takes the rest; a pipe is a new stage.
        clear
        load
          {job="l"} "x=1 y=1 z=1" @ 10s
          {job="l"} "x=1 y=0 z=0" @ 20s
          {job="l"} "x=0 y=1 z=1" @ 30s
          {job="l"} "x=0 y=0 z=1" @ 40s
        eval instant at 60s sum by (x, y, z) (count_over_time({job="l"} | logfmt | x="1" or y="1" and z="0" [1m]))
          {x="1", y="1", z="1"} 1
          {x="1", y="0", z="0"} 1
        eval instant at 60s sum by (x, y, z) (count_over_time({job="l"} | logfmt | z="1", x="1" or y="1" [1m]))
          {x="1", y="1", z="1"} 1
          {x="0", y="1", z="1"} 1
        eval instant at 60s sum by (x, y, z) (count_over_time({job="l"} | logfmt | (x="1" or y="1") z="1" [1m]))
          {x="1", y="1", z="1"} 1
          {x="0", y="1", z="1"} 1
        eval instant at 60s sum by (x, y, z) (count_over_time({job="l"} | logfmt | x="1" or y="1" | z="0" [1m]))
          {x="1", y="0", z="0"} 1

        # ip() of a label finds the address in a longer text; != keeps what is none; without the label the line goes.
        clear
        load
          {job="i"} `addr="client 10.0.0.7:80" n=1` @ 10s
          {job="i"} "addr=192.168.1.5 n=2" @ 20s
          {job="i"} "addr=nowhere n=3" @ 30s
          {job="i"} "addr=2001:db8::1 n=4" @ 40s
          {job="i"} "n=5" @ 50s
        eval instant at 60s sum by (n) (count_over_time({job="i"} | logfmt | addr=ip("10.0.0.0/8") [1m]))
          {n="1"} 1
        eval instant at 60s sum by (n) (count_over_time({job="i"} | logfmt | addr=ip("192.168.1.1-192.168.1.9") [1m]))
          {n="2"} 1
        eval instant at 60s sum by (n) (count_over_time({job="i"} | logfmt | addr=ip("2001:db8::1") [1m]))
          {n="4"} 1
        eval instant at 60s sum by (n) (count_over_time({job="i"} | logfmt | addr!=ip("10.0.0.0/8") [1m]))
          {n="2"} 1
          {n="3"} 1
          {n="4"} 1
        eval instant at 60s count_over_time({job="i"} | logfmt | addr>ip("10.0.0.0/8") [1m])
          expect fail msg: syntax error: unexpected ip
        eval instant at 60s count_over_time({job="i"} | logfmt | addr==ip("10.0.0.0/8") [1m])
          expect fail msg: syntax error: unexpected ip
        """#
}
