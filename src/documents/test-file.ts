/** Files of policy tests lie beside the documents that they test, and are none themselves. */
export const isTestFile = (name: string): boolean => /\.test\.ya?ml$/i.test(name)
