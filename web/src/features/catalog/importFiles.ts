export type ImportFile = { name: string; content: string };

const wanted = /\.(json|ya?ml|csv|tsv)$/i;

/** Reads chosen files; those of another kind are left out. */
export async function readFiles(files: Iterable<File>, prefix = ''): Promise<ImportFile[]> {
  const chosen = [...files].filter((file) => wanted.test(file.name));
  return Promise.all(
    chosen.map(async (file) => ({
      name: prefix + (file.webkitRelativePath || file.name),
      content: await file.text(),
    })),
  );
}

/** Reads what was dropped, folders with everything in them. */
export async function readDropped(data: DataTransfer): Promise<ImportFile[]> {
  // The items are gone after the first await, so they are taken at once.
  const entries = [...data.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) return readFiles(data.files);
  const read = await Promise.all(entries.map((entry) => readEntry(entry, '')));
  return read.flat();
}

async function readEntry(entry: FileSystemEntry, prefix: string): Promise<ImportFile[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed));
    return readFiles([file], prefix);
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const children: FileSystemEntry[] = [];
  // A reader hands out a hundred entries at a time.
  for (;;) {
    const batch = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
    if (batch.length === 0) break;
    children.push(...batch);
  }
  const read = await Promise.all(children.map((child) => readEntry(child, `${prefix}${entry.name}/`)));
  return read.flat();
}
