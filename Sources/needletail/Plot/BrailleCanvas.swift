/// Dots of two by four in each character cell, each cell in the colour of the line that was drawn there last.
struct BrailleCanvas {
    let columns: Int
    let rows: Int
    private var dots: [UInt8]
    private var owners: [Int]
    private var marks: [Character?]

    init(columns: Int, rows: Int) {
        self.columns = max(1, columns)
        self.rows = max(1, rows)
        dots = [UInt8](repeating: 0, count: self.columns * self.rows)
        owners = [Int](repeating: -1, count: self.columns * self.rows)
        marks = [Character?](repeating: nil, count: self.columns * self.rows)
    }

    var width: Int { columns * 2 }
    var height: Int { rows * 4 }

    /// Unicode numbers the dots of a cell down the columns, the last row having been added later.
    private static let bits: [[UInt8]] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]]

    /// `y` is counted from the top. What lies outside is left out.
    mutating func dot(_ x: Int, _ y: Int, owner: Int) {
        guard x >= 0, x < width, y >= 0, y < height else { return }
        let cell = y / 4 * columns + x / 2
        dots[cell] |= BrailleCanvas.bits[y % 4][x % 2]
        owners[cell] = owner
    }

    /// A line between two dots (Bresenham's).
    mutating func line(from a: (x: Int, y: Int), to b: (x: Int, y: Int), owner: Int) {
        let dx = abs(b.x - a.x)
        let dy = -abs(b.y - a.y)
        var error = dx + dy
        var (x, y) = a
        while true {
            dot(x, y, owner: owner)
            if x == b.x, y == b.y { return }
            let twice = 2 * error
            if twice >= dy {
                error += dy
                x += a.x < b.x ? 1 : -1
            }
            if twice <= dx {
                error += dx
                y += a.y < b.y ? 1 : -1
            }
        }
    }

    /// A character in the place of a cell's dots.
    mutating func mark(_ x: Int, _ y: Int, _ character: Character, owner: Int) {
        guard x >= 0, x < width, y >= 0, y < height else { return }
        let cell = y / 4 * columns + x / 2
        marks[cell] = character
        owners[cell] = owner
    }

    func character(column: Int, row: Int) -> (text: Character, owner: Int) {
        let cell = row * columns + column
        if let mark = marks[cell] { return (mark, owners[cell]) }
        guard dots[cell] != 0, let scalar = Unicode.Scalar(0x2800 + UInt32(dots[cell])) else { return (" ", -1) }
        return (Character(scalar), owners[cell])
    }
}
