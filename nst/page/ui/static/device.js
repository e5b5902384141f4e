// Paints on the visitor's device what else the server would: previews and the gallery. It also gives the camera its
// painter and styles. The network is loaded when it is needed first; until then, and where it is too slow, the server
// paints the previews.
() => {
    const TEST_SIZE = 128, SLOW = 120; // pixels, and milliseconds for a picture of that size
    const nst = (window.nst ??= {});
    const {root, api_prefix} = window.gradio_config;
    const encoded = new Map(); // file and scale of a style -> promise of its parameters
    let painter, ready; // promises
    let photo = {}, previews = 0;
    let preview = [], thumbnails = []; // addresses in use
    let styles; // by name: number among the built-in styles or null, file of a picture, parameters if fine-tuned

    const decode = async (url) => {
        const image = Object.assign(new Image(), {src: url});
        await image.decode();
        return image;
    };
    const open = async () => {
        const opened = await (await nst.device.load("painter.js")).createPainter();
        opened.lost.then(() => {
            painter = ready = undefined;
            encoded.clear();
        });
        return opened;
    };
    const numbers = (base64) => new Float32Array(Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0)).buffer);
    const encode = ([number, file, cin], scale) => {
        if (cin && scale === 1) return numbers(cin);
        const key = `${scale} ${file}`;
        if (!encoded.has(key)) {
            const parameters = (async () => {
                const opened = await nst.device.painter();
                if (number !== null && scale === 1) return opened.builtIn(number);
                return opened.encode(await decode(`${root}${api_prefix}/file=${file}`), scale);
            })();
            parameters.catch(() => encoded.delete(key));
            encoded.set(key, parameters);
        }
        return encoded.get(key);
    };
    const isFast = async () => {
        if (await (await nst.device.load("painter.js")).isSoftware()) return false;
        const opened = await nst.device.painter();
        const [blank, canvas] = [1, 2].map(() => new OffscreenCanvas(TEST_SIZE, TEST_SIZE));
        blank.getContext("2d");
        let start;
        for (let turn = 0; turn < 2; turn++) { // the first one compiles the shaders
            start = performance.now();
            await opened.paint(blank, canvas, {cin: opened.builtIn(0), size: TEST_SIZE});
        }
        return performance.now() - start < SLOW;
    };
    // The address of the painting.
    const paint = async (url, cin, size, strength) => {
        if (photo.url !== url) photo = {url, image: decode(url)};
        const canvas = new OffscreenCanvas(1, 1);
        await (await nst.device.painter()).paint(await photo.image, canvas, {cin, size, strength});
        return URL.createObjectURL(await canvas.convertToBlob({type: "image/webp", quality: 0.9}));
    };
    const free = (addresses) => addresses.forEach((address) => URL.revokeObjectURL(address));

    nst.device = {
        load: (script) => import(`${root}/` + "{{address}}" + `/${script}`),
        know: (sources) => { styles = new Map(sources.map(([name, ...source]) => [name, source])); },
        painter: () => {
            painter ??= open();
            painter.catch(() => { painter = undefined; });
            return painter;
        },
        // Whether the device paints faster than the server.
        ready: () => {
            ready ??= isFast().catch(() => {
                ready = undefined;
                return false;
            });
            return ready;
        },
        // CIN parameters of a blend; null if there is no style, or one that isn't known here.
        cin: async (chosen, weights, scale) => {
            const known = chosen.map((name) => styles.get(name));
            const shares = weights ? weights.split(/[\s,;]+/).filter(Boolean).map(Number) : chosen.map(() => 1);
            const valid = shares.length === known.length && shares.every((share) => share >= 0) && Math.max(...shares) > 0;
            if (!known.length || !known.every(Boolean) || !valid) return null;
            const parameters = await Promise.all(known.map((style) => encode(style, scale)));
            return (await nst.device.load("painter.js")).blend(parameters.map((cin, style) => [cin, shares[style]]));
        },
        // Shows a preview; null if the server must.
        drawPreview: async (source, chosen, weights, scale, strength, size) => {
            const turn = ++previews;
            const state = await Promise.race([nst.device.ready(), false]);
            if (!state || !source?.url) return null;
            // Small pictures of built-in styles are enough for their normal stroke size only.
            if (scale !== 1 && chosen.some((name) => styles.get(name)?.[0] !== null)) return null;
            const cin = await nst.device.cin(chosen, weights, scale);
            const address = cin && await paint(source.url, cin, size, strength);
            if (!address || turn !== previews || document.querySelector("#stop")) return null;
            setTimeout(free, 1000, preview);
            preview = [address];
            return address;
        },
        // The photo in each style; null if the server must.
        drawThumbnails: async (source, names, size, patience) => {
            if (!source?.url) return null;
            const late = new Promise((done) => setTimeout(done, patience, false));
            if (!await Promise.race([nst.device.ready(), late])) return null;
            const addresses = [];
            for (const name of names) {
                const cin = await nst.device.cin([name], "", 1);
                if (!cin) return null;
                addresses.push(await paint(source.url, cin, size, 0.5));
            }
            setTimeout(free, 1000, thumbnails);
            return thumbnails = addresses;
        },
    };
    nst.device.know("{{sources}}");
}
