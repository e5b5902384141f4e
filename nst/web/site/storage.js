/** The visitor's own styles, kept in the browser. All functions reject where it blocks site data. */

const DATABASE = "nst";
const STORE = "styles";

/** @typedef {{title: string, picture: Blob}} Stored */

/**
 * All kept styles by key, in the order in which they were added.
 * @returns {Promise<[IDBValidKey, Stored][]>}
 */
export async function loadStyles() {
    const store = (await open()).transaction(STORE).objectStore(STORE);
    const [keys, values] = await Promise.all([done(store.getAllKeys()), done(store.getAll())]);
    return keys.map((key, index) => [key, values[index]]);
}

/**
 * Keeps a style and returns its key.
 * @param {Stored} style
 */
export async function storeStyle(style) {
    return changed((await open()).transaction(STORE, "readwrite"), (store) => store.add(style));
}

/** @param {IDBValidKey} key */
export async function forgetStyle(key) {
    await changed((await open()).transaction(STORE, "readwrite"), (store) => store.delete(key));
}

/**
 * Resolves once a change survives a reload of the page.
 * @template T
 * @param {IDBTransaction} transaction
 * @param {(store: IDBObjectStore) => IDBRequest<T>} change
 * @returns {Promise<T>}
 */
function changed(transaction, change) {
    return new Promise((resolve, reject) => {
        const request = change(transaction.objectStore(STORE));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = () => reject(transaction.error);
    });
}

/** @returns {Promise<IDBDatabase>} */
async function open() {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { autoIncrement: true });
    return done(request);
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function done(request) {
    return new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
}
