import { fileURLToPath } from 'node:url';
import { readdirSync, rmSync } from 'node:fs';
import { tanstackRouter } from '@tanstack/router-plugin/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const outDir = here('../internal/api/dist');

// The folder is embedded in the Go binary and holds a committed placeholder
// page, so that `go build` works without Node. Everything else is ours.
const cleanDist = {
  name: 'sphera:clean-dist',
  apply: 'build' as const,
  buildStart() {
    try {
      for (const name of readdirSync(outDir)) {
        if (name !== 'placeholder.html' && name !== '.gitignore')
          rmSync(`${outDir}/${name}`, { recursive: true });
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  },
};

const backend = process.env.SPHERA_BACKEND ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [
    tanstackRouter({
      target: 'react',
      autoCodeSplitting: true,
      routesDirectory: './src/pages',
      generatedRouteTree: './src/routeTree.gen.ts',
      routeFileIgnorePattern: '\\.test\\.',
    }),
    react(),
    cleanDist,
  ],
  resolve: { alias: { '~': here('./src') } },
  build: {
    outDir,
    emptyOutDir: false,
    target: 'es2023',
    manifest: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
    reportCompressedSize: false,
  },
  server: {
    proxy: Object.fromEntries(
      ['/v1', '/git', '/run/', '/livez', '/readyz'].map((path) => [path, { target: backend }]),
    ),
  },
  test: {
    environment: 'jsdom',
    setupFiles: ['./src/test/setup.ts'],
    include: ['src/**/*.test.{ts,tsx}'],
    restoreMocks: true,
    unstubGlobals: true,
    testTimeout: 30_000,
  },
});
