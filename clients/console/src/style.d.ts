// Declares style sheets, which esbuild bundles, for the type checker.

declare module '*.css'
