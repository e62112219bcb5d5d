extension ScriptTests {
    static let parsers = #"""
        # Names are made fit for labels, the first of two equal keys stays, empty values go unless they are kept.
        clear
        load
          {job="shop"} `order-id=7 2fa=yes user=ann user=bob note="two words" coupon= flag` @ 10s
          {job="rest"} "x=1" @ 10s
        eval instant at 30s count_over_time({job="shop"} | logfmt [1m])
          {job="shop", order_id="7", _2fa="yes", user="ann", note="two words"} 1
        eval instant at 30s count_over_time({job="shop"} | logfmt --keep-empty [1m])
          {job="shop", order_id="7", _2fa="yes", user="ann", note="two words", coupon="", flag=""} 1
        eval instant at 30s count_over_time({job="shop"} | logfmt who="user", second="2fa", none="missing" [1m])
          {job="shop", who="ann", second="yes", none=""} 1
        eval select from 0 to 30s forward {job="shop"} | logfmt --keep-empty coupon
          {job="shop"} `order-id=7 2fa=yes user=ann user=bob note="two words" coupon= flag` @ 10s [parsed coupon=""]

        # A broken pair is passed over, or the line's error under --strict.
        clear
        load
          {job="shop"} `good=1 bad"ly=2 open="never closed` @ 10s [metadata zone="eu"]
        eval instant at 30s count_over_time({job="shop"} | logfmt [1m])
          {job="shop", good="1", zone="eu"} 1
        eval instant at 30s count_over_time({job="shop"} | logfmt --strict [1m])
          expect fail msg: LogfmtParserErr
        eval instant at 30s count_over_time({job="shop"} | logfmt --strict | __error__="" [1m])
          expect empty
        eval instant at 30s count_over_time({job="shop"} | logfmt --nope [1m])
          expect fail msg: unknown parser flag --nope

        # JSON: nesting by underscores, no arrays, no nulls, text of everything else; what follows the object is ignored.
        clear
        load
          {job="j"} `{"lvl":"warn","req":{"id":7,"in":{"ok":true}},"none":null,"list":[1],"f":1.5e3,"a.b":"c","lvl":"no"} tail` @ 10s
          {job="j"} `{"text":"a\"\u00e9\n","empty":"","obj":{}}` @ 20s
        eval instant at 15s count_over_time({job="j"} | json [10s])
          {job="j", lvl="warn", req_id="7", req_in_ok="true", f="1.5e3", a_b="c"} 1
        eval select from 15s to 30s forward {job="j"} | json
          {job="j"} `{"text":"a\"\u00e9\n","empty":"","obj":{}}` @ 20s [parsed text="a\"é\n" empty=""]

        # JSON expressions: paths, indices, quoted keys; absent is empty, containers are their JSON.
        clear
        load
          {job="j"} `{"req":{"id":7,"tags":["x",{"k":"v"}],"a b":"c"},"n":null,"e":"t\tb"}` @ 10s
        eval select from 0 to 30s forward {job="j"} | json id="req.id", tag="req.tags[0]", deep="req.tags[1].k", sp="req[\"a b\"]", gone="req.x.y", n, all="req.tags", e
          {job="j"} `{"req":{"id":7,"tags":["x",{"k":"v"}],"a b":"c"},"n":null,"e":"t\tb"}` @ 10s [parsed id="7" tag="x" deep="v" sp="c" gone="" n="" all="[\"x\",{\"k\":\"v\"}]" e="t\tb"]
        eval instant at 30s count_over_time({job="j"} | json x="req[" [1m])
          expect fail msg: cannot parse expression [req[]
        eval instant at 30s count_over_time({job="j"} | json x="a..b" [1m])
          expect fail msg: cannot parse expression [a..b]

        # Errors of JSON in the words of Loki's parser. A log query shows them, a metric query fails unless they are filtered.
        clear
        load
          {job="j"} `{"ok":1}` @ 10s
          {job="j"} `plain` @ 20s
          {job="j"} `{` @ 30s
          {job="j"} `{"open":"x` @ 40s
          {job="j"} `{"list":[1,` @ 50s
          {job="j"} `{"v":what}` @ 55s
        eval select from 15s to 60s forward {job="j"} | json
          {job="j"} `plain` @ 20s [parsed __error__="JSONParserErr" __error_details__="Value looks like object, but can't find closing '}' symbol"]
          {job="j"} `{` @ 30s [parsed __error__="JSONParserErr" __error_details__="Malformed JSON error"]
          {job="j"} `{"open":"x` @ 40s [parsed __error__="JSONParserErr" __error_details__="Value is string, but can't find closing '\"' symbol"]
          {job="j"} `{"list":[1,` @ 50s [parsed __error__="JSONParserErr" __error_details__="Value is array, but can't find closing ']' symbol"]
          {job="j"} `{"v":what}` @ 55s [parsed __error__="JSONParserErr" __error_details__="Unknown value type"]
        eval instant at 60s count_over_time({job="j"} | json [1m])
          expect fail msg: pipeline error: 'JSONParserErr' for series
        eval instant at 60s count_over_time({job="j"} | json | __error__="" [1m])
          {job="j", ok="1"} 1
        # What lies outside of the window cannot fail it.
        eval instant at 15s count_over_time({job="j"} | json [10s])
          {job="j", ok="1"} 1
        # Errors that the query asks for are series of their own, with the labels that tell of them.
        eval instant at 35s count_over_time({job="j"} | json | __error__!="" [10s])
          {job="j", __error__="JSONParserErr", __error_details__="Malformed JSON error", __preserve_error__="true"} 1
        eval instant at 60s sum by (job) (count_over_time({job="j"} | json | __error__!="" [1m]))
          {job="j"} 5
        eval instant at 60s max(count_over_time({job="j"} | json | __error__!="" [1m]))
          {} 1
        eval instant at 35s sum without (__error_details__) (count_over_time({job="j"} | json | __error__!="" [10s]))
          {job="j", __error__="JSONParserErr", __preserve_error__="true"} 1
        # Nobody looks at what the parser finds: it does not run.
        eval instant at 60s sum(count_over_time({job="j"} | json [1m]))
          {} 6

        # Clashes: the stream's label has the name, then metadata, then what is parsed; the loser is _extracted.
        clear
        load
          {job="c", a="s", b="s", t="s"} `a=p m=p t=p` @ 10s [metadata b="m" m="m" t="m"]
        eval instant at 30s count_over_time({job="c"} | logfmt [1m])
          {job="c", a="s", a_extracted="p", b="s", b_extracted="m", m="m", m_extracted="p", t="s", t_extracted="p"} 1
        eval instant at 30s count_over_time({job="c"} [1m])
          {job="c", a="s", b="s", b_extracted="m", m="m", t="s", t_extracted="m"} 1
        eval instant at 30s sum by (t_extracted) (count_over_time({job="c"} | logfmt | t="s" and t_extracted="p" [1m]))
          {t_extracted="p"} 1

        # regexp: named groups of the first match; no match leaves the line as it is.
        clear
        load
          {job="r"} "PUT /cart 201 in 3ms; PUT /x 500 in 9ms" @ 10s
          {job="r"} "no verb" @ 20s
        eval instant at 15s count_over_time({job="r"} | regexp `(?P<verb>[A-Z]+) (?P<path>\S+) (?<code>\d+)` [10s])
          {job="r", verb="PUT", path="/cart", code="201"} 1
        eval instant at 25s count_over_time({job="r"} | regexp `(?P<verb>[A-Z]+) ` [10s])
          {job="r"} 1
        eval instant at 25s count_over_time({job="r"} | regexp `(\d+)` [10s])
          expect fail msg: at least one named capture must be supplied
        eval instant at 25s count_over_time({job="r"} | regexp `(?P<x>.)(?P<x>.)` [10s])
          expect fail msg: duplicate extracted label name 'x'
        eval instant at 25s count_over_time({job="r"} | regexp `(?P<x` [10s])
          expect fail msg: error parsing regexp: invalid named capture: `(?P<x`

        # pattern: a line that ends early gives its rest to the capture it has come to.
        clear
        load
          {job="p"} `10.0.0.1 - ann [now] "GET /a HTTP/1.1" 200` @ 10s
          {job="p"} `10.0.0.2 - bob` @ 20s
        eval instant at 15s count_over_time({job="p"} | pattern `<ip> - <user> [<_>] "<verb> <path> <_>" <code>` [10s])
          {job="p", ip="10.0.0.1", user="ann", verb="GET", path="/a", code="200"} 1
        eval instant at 25s count_over_time({job="p"} | pattern `<ip> - <user> [<_>] "<verb> <path> <_>" <code>` [10s])
          {job="p", ip="10.0.0.2", user="bob"} 1
        eval instant at 25s count_over_time({job="p"} | pattern `10.0.0.2 - <user>` [10s])
          {job="p", user="bob"} 1
        eval instant at 25s count_over_time({job="p"} | pattern `x <user>` [10s])
          {job="p"} 1
        eval instant at 25s count_over_time({job="p"} | pattern `<a><b>` [10s])
          expect fail msg: found consecutive capture
        eval instant at 25s count_over_time({job="p"} | pattern `nothing` [10s])
          expect fail msg: at least one capture is required

        # unpack takes only what was packed, and the packed line becomes the line.
        clear
        load
          {job="u", pod="s"} `{"pod":"p1","n":5,"_entry":"level=info msg=hi"}` @ 10s
          {job="u", pod="s"} `{"pod":"p2"}` @ 20s
          {job="u", pod="s"} `no json` @ 30s
        eval select from 0 to 40s forward {job="u"} | unpack
          {job="u", pod="s"} `level=info msg=hi` @ 10s [parsed pod_extracted="p1"]
          {job="u", pod="s"} `{"pod":"p2"}` @ 20s
          {job="u", pod="s"} `no json` @ 30s [parsed __error__="JSONParserErr" __error_details__="expecting json object(6), but it is not"]
        eval instant at 15s count_over_time({job="u"} | unpack | logfmt | level="info" [10s])
          {job="u", pod="s", pod_extracted="p1", level="info", msg="hi"} 1
        """#
}
