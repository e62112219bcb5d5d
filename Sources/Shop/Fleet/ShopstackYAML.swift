extension FleetDescription {
    /// The text of `Fixtures/fleets/shopstack.yaml`, so that the fleet runs from any folder. A test holds them equal.
    package static let shopstackYAML = """
        # The ShopStack fleet: eight services of a shop that sells robots, and the four systems that they call.
        # Every key but `name`, `services` and each service's `name` may be left out; an unknown key is an error.
        name: shopstack
        environment: demo
        version: 1.0.0

        # Services without a port of their own get base_port, base_port + 1, ... in the order of this file.
        # A port of 0 takes any that is free.
        base_port: 18080
        control_port: 18070

        services:
          - name: web
            role: web
            health: /
          - name: user
            role: user
            health: /health
          - name: catalogue
            role: catalogue
            health: /health
          - name: cart
            role: cart
            health: /health
            log_format: logfmt
          - name: payment
            role: payment
            health: /health
          - name: shipping
            role: shipping
            health: /health
            log_format: json
          - name: ratings
            role: ratings
            health: /_health
          - name: dispatch
            role: dispatch
            log_format: logfmt

        # Recorded as what the services call; their data is kept by the fleet itself.
        # `latency` stands for the way over the network and is added to every call.
        systems:
          mongodb:
            address: mongodb
            port: 27017
            latency: 2ms
          redis:
            address: redis
            port: 6379
            latency: 500us
          mysql:
            address: mysql
            port: 3306
            latency: 3ms
          rabbitmq:
            address: rabbitmq
            port: 5672
            latency: 1ms

        payment:
          gateway: gateway.cardpay.example
          latency: 40ms
          # Share of payments that card issuers refuse on a good day.
          decline_share: 0.02

        load:
          # Requests per second of all customers together.
          rate: 20
          customers: 12
          seed: 42

        faults:
          # Card issuers refuse, or the gateway does not answer, for this share of payments.
          payment-errors:
            share: 0.5
          # Every database call of the catalogue takes longer by this much.
          catalogue-slow:
            delay: 600ms
          # Every call to Redis fails.
          redis-down: {}
          # Dispatch takes this long for one order, so that the queue grows.
          queue-backlog:
            delay: 3s

        """
}
