import Foundation
import NIOPosix
import Storage

/// Makes ready on a second core what the start of the collector will need while the first one still reads the arguments.
///
/// When a program first asks Swift for a conformance, it is looked for among all that the program has, some fifteen
/// thousand; a start asks for about a hundred and spends a quarter of its time so. SQLite, the catalog's tables and the
/// event loops ask for many of them, whichever folder they are for.
package enum StartAhead {
    package static func begin() {
        Thread.detachNewThread {
            _ = MultiThreadedEventLoopGroup.singleton.next()
            // In memory; a failure here is told by the real one.
            guard let catalog = try? Catalog() else { return }
            _ = try? catalog.setting("")
            try? catalog.close()
        }
    }
}
