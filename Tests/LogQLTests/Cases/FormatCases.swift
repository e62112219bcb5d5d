extension ScriptTests {
    static let formats = #"""
        # line_format: any label, the line itself, the time; a missing label is nothing.
        clear
        load
          {job="f", level="error"} "took=1500ms user=ann" @ 1700000000s [metadata trace="t1"]
        eval select from 1699999990s to 1700000010s forward {job="f"} | logfmt | line_format "{{.level | upper}} {{.user}} {{.trace}} {{.none}}| {{ __line__ }}"
          {job="f", level="error"} "ERROR ann t1 | took=1500ms user=ann" @ 1700000000s [metadata trace="t1"] [parsed took="1500ms" user="ann"]
        eval select from 1699999990s to 1700000010s forward {job="f"} | line_format `{{ __timestamp__ | date "2006-01-02T15:04:05Z07:00" }}` | line_format "<{{__line__}}>"
          {job="f", level="error"} "<2023-11-14T22:13:20Z>" @ 1700000000s [metadata trace="t1"]
        eval instant at 1700000010s bytes_over_time({job="f"} | line_format "{{.level}}!" [1m])
          {job="f", level="error", trace="t1"} 6
        eval instant at 1700000010s sum(count_over_time({job="f"} | line_format "L={{.level}}" |= "L=error" [1m]))
          {} 1
        eval instant at 1700000010s count_over_time({job="f"} | line_format "{{ nosuch .level }}" [1m])
          expect fail msg: function "nosuch" not defined
        eval instant at 1700000010s count_over_time({job="f"} | line_format "{{ .level " [1m])
          expect fail msg: unclosed action
        eval instant at 1700000010s bytes_over_time({job="f"} | line_format "{{ div 1 0 }}" [1m])
          expect fail msg: TemplateFormatErr

        # label_format: renames move, templates copy; one after the other, templates see what was there at the first.
        clear
        load
          {job="r", verb="get"} "x" @ 10s [metadata code="200"]
        eval instant at 20s count_over_time({job="r"} | label_format method=verb [1m])
          {job="r", method="get", code="200"} 1
        eval instant at 20s count_over_time({job="r"} | label_format verb=code [1m])
          {job="r", verb="200"} 1
        eval instant at 20s count_over_time({job="r"} | label_format verb=none [1m])
          {job="r", verb="get", code="200"} 1
        eval instant at 20s count_over_time({job="r"} | label_format all="{{.verb}}-{{.code}}", m=verb [1m])
          {job="r", m="get", all="get-200", code="200"} 1
        eval instant at 20s count_over_time({job="r"} | label_format m=verb, all="{{.m}}{{.verb}}" [1m])
          {job="r", m="get", all="get", code="200"} 1
        eval instant at 20s count_over_time({job="r"} | label_format verb="{{.verb | ToUpper}}", code="{{ add .code 1 }}" [1m])
          {job="r", verb="GET", code="201"} 1
        eval instant at 20s count_over_time({job="r"} | label_format __error__=verb [1m])
          expect fail msg: __error__ cannot be formatted
        eval instant at 20s count_over_time({job="r"} | label_format a=verb, a=code [1m])
          expect fail msg: multiple label name 'a' not allowed in a single format operation
        eval select from 0 to 20s forward {job="r"} | label_format __error_details__="mine"
          {job="r", verb="get"} "x" @ 10s [metadata code="200"] [parsed __error_details__="mine"]

        # decolorize takes terminal sequences out.
        clear
        load
          {job="d"} "\x1b[31mred\x1b[0m \x1b[1;32mgreen\x1b[m" @ 10s
        eval select from 0 to 20s forward {job="d"} | decolorize
          {job="d"} "red green" @ 10s
        eval instant at 20s bytes_over_time({job="d"} | decolorize [1m])
          {job="d"} 9

        # drop and keep by name, and by name and value; of errors each part by itself.
        clear
        load
          {job="k", zone="eu", code="500"} `{"ok":1}` @ 10s [metadata v="5"]
          {job="k", zone="us", code="200"} `{` @ 20s [metadata v="7"]
        eval select from 0 to 30s forward {job="k"} | drop zone, v
          {job="k", code="500"} `{"ok":1}` @ 10s
          {job="k", code="200"} `{` @ 20s
        eval select from 0 to 30s forward {job="k"} | drop code="500", zone=~"u.", v!="7"
          {job="k", zone="eu"} `{"ok":1}` @ 10s
          {job="k", code="200"} `{` @ 20s [metadata v="7"]
        eval select from 0 to 30s forward {job="k"} | keep code, v=~"[0-6]"
          {code="500"} `{"ok":1}` @ 10s [metadata v="5"]
          {code="200"} `{` @ 20s
        eval instant at 30s count_over_time({job="k"} | keep zone="eu" [1m])
          {zone="eu"} 1
          {} 1
        eval select from 15s to 30s forward {job="k"} | json | keep code
          {code="200"} `{` @ 20s [parsed __error__="JSONParserErr" __error_details__="Malformed JSON error"]
        eval select from 15s to 30s forward {job="k"} | json | drop __error__, v
          {job="k", zone="us", code="200"} `{` @ 20s [parsed __error_details__="Malformed JSON error"]
        eval select from 15s to 30s forward {job="k"} | json | drop __error_details__, v
          {job="k", zone="us", code="200"} `{` @ 20s [parsed __error__="JSONParserErr"]
        eval select from 15s to 30s forward {job="k"} | json | drop __error__="Other", v
          {job="k", zone="us", code="200"} `{` @ 20s [parsed __error__="JSONParserErr" __error_details__="Malformed JSON error"]
        eval instant at 30s sum by (code) (sum_over_time({job="k"} | json | drop __error__ | unwrap v [1m]))
          {code="500"} 5
          {code="200"} 7
        eval instant at 30s sum by (code) (sum_over_time({job="k"} | json | keep code, v, __error__ | unwrap v [1m]))
          expect fail msg: JSONParserErr
        eval instant at 30s first_over_time({job="k"} | json | __error__!="" | keep code, v | unwrap v [1m]) by (code)
          {code="200", __error__="JSONParserErr", __error_details__="Malformed JSON error", __preserve_error__="true"} 7
        eval instant at 30s first_over_time({job="k"} | json | __error__!="" | drop __preserve_error__ | unwrap v [1m]) by (code)
          expect fail msg: JSONParserErr
        eval instant at 30s count_over_time({job="k"} | drop [1m])
          expect fail msg: syntax error: unexpected RANGE, expecting IDENTIFIER
        """#
}
