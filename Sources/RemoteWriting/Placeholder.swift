/// Where what is stored here is sent on.
enum Placeholder {}
