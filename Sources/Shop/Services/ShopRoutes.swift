/// One route of a service, as `web` offers it to customers below `/api/{service}`.
struct ShopRoute: Sendable {
    let role: ServiceRole
    let method: String
    let template: String

    /// Below which path `web` offers the routes of a service.
    static func prefix(_ role: ServiceRole) -> String { "/api/\(role.rawValue)" }

    /// What a service answers to customers. The front page of `web` is missing: it is a health check as well.
    static func paths(of role: ServiceRole) -> [String] {
        role == .web ? all.map { prefix($0.role) + $0.template } : all.filter { $0.role == role }.map(\.template)
    }

    static let all: [ShopRoute] = [
        ShopRoute(role: .catalogue, method: "GET", template: "/categories"),
        ShopRoute(role: .catalogue, method: "GET", template: "/products"),
        ShopRoute(role: .catalogue, method: "GET", template: "/products/{category}"),
        ShopRoute(role: .catalogue, method: "GET", template: "/product/{sku}"),
        ShopRoute(role: .catalogue, method: "GET", template: "/search/{text}"),
        ShopRoute(role: .user, method: "GET", template: "/uniqueid"),
        ShopRoute(role: .user, method: "GET", template: "/check/{id}"),
        ShopRoute(role: .user, method: "POST", template: "/login"),
        ShopRoute(role: .user, method: "GET", template: "/history/{id}"),
        ShopRoute(role: .cart, method: "GET", template: "/cart/{id}"),
        ShopRoute(role: .cart, method: "DELETE", template: "/cart/{id}"),
        ShopRoute(role: .cart, method: "GET", template: "/add/{id}/{sku}/{quantity}"),
        ShopRoute(role: .cart, method: "GET", template: "/rename/{from}/{to}"),
        ShopRoute(role: .payment, method: "POST", template: "/pay/{id}"),
        ShopRoute(role: .shipping, method: "GET", template: "/codes"),
        ShopRoute(role: .shipping, method: "GET", template: "/cities/{code}"),
        ShopRoute(role: .shipping, method: "GET", template: "/calc/{city}"),
        ShopRoute(role: .shipping, method: "POST", template: "/confirm/{id}"),
        ShopRoute(role: .ratings, method: "GET", template: "/api/fetch/{sku}"),
        ShopRoute(role: .ratings, method: "PUT", template: "/api/rate/{sku}/{score}"),
    ]
}
