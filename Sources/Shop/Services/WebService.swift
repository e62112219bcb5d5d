import HTTPTypes
import Hummingbird
import NIOCore

/// The shop's front: its page, and everything below `/api/{service}` handed on to the service.
struct WebService: ShopService {
    let environment: ServiceEnvironment

    func addRoutes(to router: ShopRouter) {
        router.get("/") { _, _ in Self.frontPage }
        for route in ShopRoute.all {
            guard let method = HTTPRequest.Method(rawValue: route.method) else { continue }
            let prefix = ShopRoute.prefix(route.role)
            router.on(RouterPath(prefix + route.template), method: method) { request, _ in
                try await forward(request, route, prefix)
            }
        }
    }

    private func forward(_ request: Request, _ route: ShopRoute, _ prefix: String) async throws -> Response {
        let query = request.uri.query.map { "?\($0)" } ?? ""
        let path = String(request.uri.path.dropFirst(prefix.count)) + query
        var body: ByteBuffer?
        if route.method != "GET" {
            guard let collected = try? await request.body.collect(upTo: 64 << 10) else {
                throw RequestRefused(.contentTooLarge, "the body is larger than 64 KiB")
            }
            body = collected
        }
        let reply = try await environment.client.call(route.role, route.method, route.template, path: path, body: body)
        return JSON.bytes(reply.body, status: .init(code: reply.status))
    }

    private static var frontPage: Response {
        let page = """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>ShopStack</title></head>
            <body><h1>ShopStack</h1><p>Robots for house, garden and industry.</p>
            <ul><li><a href="/api/catalogue/categories">categories</a></li>
            <li><a href="/api/catalogue/products">products</a></li></ul></body></html>

            """
        return Response(
            status: .ok, headers: [.contentType: "text/html; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: page)))
    }
}
