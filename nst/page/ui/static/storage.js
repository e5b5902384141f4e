// Where a browser blocks site data, reading `localStorage` throws and Gradio never finishes loading. Such a page
// remembers until it is closed.
for (const name of ["localStorage", "sessionStorage"]) {
    try {
        window[name].getItem("");
    } catch {
        const values = new Map();
        const value = {
            getItem: (key) => values.get(String(key)) ?? null,
            setItem: (key, text) => void values.set(String(key), String(text)),
            removeItem: (key) => void values.delete(String(key)),
            clear: () => values.clear(),
            key: (index) => [...values.keys()][index] ?? null,
            get length() {
                return values.size;
            },
        };
        Object.defineProperty(window, name, {value});
    }
}
