import GoTemplates
import Synchronization

/// Parsed templates: the same texts come for every alert of every evaluation.
enum TemplateCache {
    private static let known = Mutex<[String: Template]>([:])

    static func template(
        _ text: String, make: () throws(TemplateError) -> Template
    ) throws(TemplateError) -> Template {
        if let found = known.withLock({ $0[text] }) { return found }
        let new = try make()
        known.withLock { templates in
            // Texts of rules that a reload took away leave this way.
            if templates.count >= 1024 { templates.removeAll() }
            templates[text] = new
        }
        return new
    }
}
