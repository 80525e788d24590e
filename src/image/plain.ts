/** Text from a registry as it can be shown: none is to move the cursor of a terminal. */
export const plain = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is meant
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, " ");
