import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

const iris: MantineColorsTuple = [
  '#f3f3fe',
  '#e4e4fb',
  '#c7c7f5',
  '#a6a6ef',
  '#8a8ae8',
  '#7473e0',
  '#5b5bd6',
  '#4a4abf',
  '#3d3da3',
  '#31318a',
];

// Mantine's own red fails 4.5:1 on white.
const red: MantineColorsTuple = [
  '#fdeceb',
  '#fad5d2',
  '#f3aaa4',
  '#ec7c73',
  '#e5544a',
  '#d93a2f',
  '#c22b21',
  '#a5231b',
  '#8a1d17',
  '#6e1712',
];

const sans = "'Inter Variable', ui-sans-serif, system-ui, sans-serif";

// Mantine's dark greys are neutral; these have the hue of the page.
const dark: MantineColorsTuple = [
  '#e6e9ef',
  '#c3c9d4',
  '#a3abba',
  '#7d8696',
  '#3a404b',
  '#2b303a',
  '#1e222a',
  '#171a20',
  '#12151a',
  '#0c0e12',
];

export const theme = createTheme({
  primaryColor: 'iris',
  primaryShade: { light: 6, dark: 6 },
  colors: { iris, red, dark },
  autoContrast: true,
  luminanceThreshold: 0.3,
  defaultRadius: 'md',
  fontFamily: sans,
  fontFamilyMonospace: "'JetBrains Mono Variable', ui-monospace, monospace",
  headings: {
    fontWeight: '650',
    fontFamily: sans,
    sizes: {
      h1: { fontSize: '1.375rem', lineHeight: '1.3' },
      h2: { fontSize: '1.125rem', lineHeight: '1.35' },
      h3: { fontSize: '0.95rem', lineHeight: '1.4' },
    },
  },
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    // The listbox itself scrolls: a scroll area around it cannot be reached by keyboard.
    Select: {
      defaultProps: { withScrollArea: false },
      styles: { options: { maxHeight: 260, overflowY: 'auto' } },
    },
    // Its placeholder is an element that a menu may not contain.
    Menu: { defaultProps: { withInitialFocusPlaceholder: false } },
    Modal: { defaultProps: { closeButtonProps: { 'aria-label': 'Close' }, centered: true } },
    Notification: {
      defaultProps: { closeButtonProps: { 'aria-label': 'Dismiss' } },
      styles: { description: { color: 'var(--sph-muted)' } },
    },
  },
});

// Mantine's defaults for dimmed text, placeholders and errors fail AA.
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#5b6270',
    '--mantine-color-placeholder': '#6b7280',
    '--mantine-color-error': '#b3261e',
    '--mantine-color-anchor': '#4a4abf',
  },
  dark: {
    '--mantine-color-dimmed': '#a3abba',
    '--mantine-color-placeholder': '#8b93a3',
    '--mantine-color-body': '#101216',
    '--mantine-color-text': '#e6e9ef',
    '--mantine-color-error': '#ff8a80',
    '--mantine-color-anchor': '#a6a6ef',
  },
});
