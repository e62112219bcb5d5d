enum ServiceKind: Sendable { case access, json, logfmt, jvm, key }

enum ShopServices {
    static let all: [(String, ServiceKind)] = [
        ("edge-proxy", .access), ("api-gateway", .json), ("checkout", .json), ("cart", .logfmt), ("catalog", .logfmt),
        ("search", .json), ("payments", .jvm), ("orders", .jvm), ("shipping", .logfmt), ("users", .json),
        ("recommendations", .json), ("inventory", .jvm), ("mailer", .key), ("images", .access), ("fraud", .logfmt),
        ("ledger", .jvm), ("sessions", .logfmt), ("reviews", .json), ("scheduler", .key), ("gateway-auth", .json),
    ]

    static func namespace(_ service: String) -> String {
        switch service.utf8.first ?? 0 {
        case ..<0x66: "front"
        case ..<0x70: "core"
        default: "platform"
        }
    }

    /// As Kubernetes names pods.
    static func suffix(_ service: String, _ instance: Int) -> String {
        var random = SeededRandom(seed: UInt64(instance) &* 977 &+ UInt64(service.utf8.count) &* 131)
        let letters = Array("bcdfghjklmnpqrstvwxz2456789".utf8)
        func pick(_ count: Int) -> String {
            String(decoding: (0..<count).map { _ in letters[random.below(letters.count)] }, as: UTF8.self)
        }
        return pick(9) + "-" + pick(5)
    }

    static let paths = [
        "/api/v1/cart", "/api/v1/cart/items", "/api/v1/checkout", "/api/v1/products", "/api/v1/orders", "/healthz",
        "/api/v1/search", "/api/v1/users/me", "/static/app.js", "/static/app.css", "/api/v1/payments/authorize",
        "/api/v1/recommendations", "/metrics", "/api/v1/reviews", "/images/products", "/login",
    ]
    static let agents = [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            + "Chrome/124.0.0.0 Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            + "Version/17.4 Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            + "Version/17.3 Safari/605.1.15",
        "kube-probe/1.29", "Go-http-client/2.0", "okhttp/4.12.0", "curl/8.5.0",
    ]
    static let messages = [
        "request completed", "cart updated", "item added to cart", "payment authorised", "order placed",
        "cache miss, loading from database", "session refreshed", "inventory reserved", "search executed",
        "recommendation model scored", "retrying upstream call", "rate limit checked", "user profile loaded",
        "price recalculated after coupon", "shipment label created", "feature flags evaluated",
    ]
    static let failures = [
        "connection to database timed out after 5000 ms", "upstream returned 503 Service Unavailable",
        "payment provider declined the card", "deadlock found when trying to get lock; try restarting transaction",
        "context deadline exceeded", "inventory is lower than the reservation",
    ]
    static let frames = [
        "com.shop.payments.CardGateway.authorize(CardGateway.java:",
        "com.shop.orders.OrderService.place(OrderService.java:",
        "com.shop.core.Transactions.run(Transactions.java:", "com.shop.inventory.Reservation.hold(Reservation.java:",
        "org.springframework.web.method.support.InvocableHandlerMethod.doInvoke(InvocableHandlerMethod.java:",
        "org.springframework.web.servlet.DispatcherServlet.doDispatch(DispatcherServlet.java:",
        "jakarta.servlet.http.HttpServlet.service(HttpServlet.java:", "java.base/java.lang.Thread.run(Thread.java:",
        "org.apache.catalina.core.ApplicationFilterChain.doFilter(ApplicationFilterChain.java:",
        "com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:",
    ]
    static let classes = [
        "c.s.payments.CardGateway", "c.s.orders.OrderService", "c.s.inventory.StockWatcher", "c.s.core.Transactions",
        "o.s.web.servlet.DispatcherServlet", "c.s.ledger.Journal",
    ]
}
