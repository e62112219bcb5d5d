/// The rules that the demo runs with.
enum DemoRules {
    /// The text of `Alerts/demo.yml`, so that the program needs no file beside it. A test holds the two equal.
    static let text = #"""
        # Rules of `needletail demo`: windows of seconds, so that a fault is seen, told and over within a minute.
        # They expect a scrape and an evaluation every 2 s. For a shop that runs for longer than a demo see shop.yml.
        groups:
          - name: demo
            interval: 2s
            rules:
              # The gateway answers on a good day; one order in twenty that fails is a fault.
              - alert: PaymentFailures
                expr: |
                  sum by (job) (rate(shop_orders_total{status="failed"}[15s]))
                    / sum by (job) (rate(shop_orders_total[15s])) > 0.05
                labels:
                  severity: critical
                annotations:
                  summary: "{{ $labels.job }}: {{ $value | humanizePercentage }} of the orders fail"
                  description: >-
                    The card gateway does not answer {{ $labels.job }}. Find a failed order with:
                    needletail traces '{ resource.service.name = "{{ $labels.job }}" && status = error }'

              # Card issuers refuse 2 % of the orders on a good day, so a few refusals alone mean nothing.
              - alert: UnpaidOrders
                expr: |
                  (
                    sum by (job) (rate(shop_orders_total{status!="paid"}[20s]))
                      / sum by (job) (rate(shop_orders_total[20s])) > 0.25
                  )
                  and sum by (job) (increase(shop_orders_total{status!="paid"}[20s])) > 3.5
                for: 2s
                labels:
                  severity: warning
                annotations:
                  summary: "{{ $labels.job }}: {{ $value | humanizePercentage }} of the orders end unpaid"
                  description: >-
                    Orders are declined or fail at {{ $labels.job }}. Read why with:
                    needletail logs '{service_name="{{ $labels.job }}"} |= "declined"' --since 5m

              - alert: HighErrorRatio
                expr: |
                  (
                    sum by (job) (
                      rate(http_server_request_duration_seconds_count{http_response_status_code=~"5.."}[15s])
                    )
                      / sum by (job) (rate(http_server_request_duration_seconds_count[15s])) > 0.1
                  )
                  and sum by (job) (
                    rate(http_server_request_duration_seconds_count{http_response_status_code=~"5.."}[15s])
                  ) > 0.1
                for: 2s
                labels:
                  severity: critical
                annotations:
                  summary: "{{ $labels.job }}: {{ $value | humanizePercentage }} of the requests end with an error"
                  description: "Requests to {{ $labels.job }} are answered with a 5xx status."

              # The median, and not a tail: over ten seconds one slow moment of a busy laptop is a tail already.
              - alert: SlowResponses
                expr: |
                  (
                    histogram_quantile(
                      0.5, sum by (job, le) (rate(http_server_request_duration_seconds_bucket[10s]))
                    ) > 0.5
                  )
                  and sum by (job) (rate(http_server_request_duration_seconds_count[10s])) > 0.4
                for: 4s
                labels:
                  severity: warning
                annotations:
                  summary: "{{ $labels.job }}: half of the requests take longer than {{ $value | humanizeDuration }}"
                  description: "The median of {{ $labels.job }} over ten seconds is above half a second."

              - alert: DatabaseSlow
                expr: |
                  (
                    histogram_quantile(
                      0.5, sum by (job, db_system_name, le) (rate(db_client_operation_duration_seconds_bucket[10s]))
                    ) > 0.4
                  )
                  and sum by (job, db_system_name) (rate(db_client_operation_duration_seconds_count[10s])) > 0.4
                for: 4s
                labels:
                  severity: warning
                annotations:
                  summary: >-
                    {{ $labels.job }}: half of the calls to {{ $labels.db_system_name }} take
                    {{ $value | humanizeDuration }} or more
                  description: "The median of calls to {{ $labels.db_system_name }} over ten seconds is above 400 ms."

              - alert: DatabaseErrors
                expr: |
                  sum by (job, db_system_name) (rate(db_client_operation_duration_seconds_count{error_type!=""}[15s]))
                    / sum by (job, db_system_name) (rate(db_client_operation_duration_seconds_count[15s])) > 0.1
                for: 2s
                labels:
                  severity: critical
                annotations:
                  summary: >-
                    {{ $labels.job }}: {{ $value | humanizePercentage }} of the calls
                    to {{ $labels.db_system_name }} fail
                  description: "{{ $labels.db_system_name }} does not answer {{ $labels.job }}."

              # On a good day a message waits for milliseconds: the queue is empty at nearly every scrape.
              - alert: QueueBacklog
                expr: min_over_time(shop_queue_messages[6s]) >= 2
                for: 2s
                labels:
                  severity: warning
                annotations:
                  summary: "{{ $labels.queue }}: at least {{ $value }} messages have been waiting"
                  description: "{{ $labels.job }} takes messages from {{ $labels.queue }} more slowly than they come."

              - alert: TargetDown
                expr: up == 0
                for: 6s
                labels:
                  severity: critical
                annotations:
                  summary: "{{ $labels.job }} at {{ $labels.instance }} is down"
                  description: "The last scrapes of {{ $labels.instance }} failed."

        """#
}
