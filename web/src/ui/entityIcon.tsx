import type { Icon } from '@tabler/icons-react';
import {
  IconBolt,
  IconBox,
  IconBraces,
  IconBrandGit,
  IconBuilding,
  IconCloud,
  IconCpu,
  IconDatabase,
  IconFlag,
  IconHammer,
  IconFileText,
  IconKey,
  IconLink,
  IconPackage,
  IconPlug,
  IconPlus,
  IconArrowBackUp,
  IconRocket,
  IconServer2,
  IconShieldCheck,
  IconSitemap,
  IconTerminal2,
  IconTool,
  IconUsers,
  IconWorld,
} from './icons';

// Names as blueprints and actions write them, in lower case.
const byName: Record<string, Icon> = {
  api: IconBraces,
  link: IconLink,
  docs: IconFileText,
  gpu: IconDatabase,
  devopstool: IconTool,
  service: IconBox,
  microservice: IconBox,
  component: IconBox,
  box: IconBox,
  package: IconPackage,
  system: IconSitemap,
  domain: IconBuilding,
  team: IconUsers,
  resource: IconDatabase,
  database: IconDatabase,
  server: IconServer2,
  cluster: IconCpu,
  cloud: IconCloud,
  aws: IconCloud,
  environment: IconServer2,
  region: IconWorld,
  world: IconWorld,
  repository: IconBrandGit,
  git: IconBrandGit,
  github: IconBrandGit,
  rocket: IconRocket,
  deploy: IconRocket,
  revert: IconArrowBackUp,
  'arrow-back': IconArrowBackUp,
  undo: IconArrowBackUp,
  plus: IconPlus,
  tool: IconTool,
  wrench: IconTool,
  hammer: IconHammer,
  flag: IconFlag,
  key: IconKey,
  shield: IconShieldCheck,
  terminal: IconTerminal2,
  plug: IconPlug,
};

/** The icon of a blueprint or an action; a bolt or a box when it has none we know. */
export function NamedIcon({
  name,
  fallback,
  size = 18,
}: {
  name?: string;
  fallback?: string;
  size?: number;
}) {
  const Found = byName[name?.toLowerCase() ?? ''] ?? byName[fallback?.toLowerCase() ?? ''] ?? IconBolt;
  return <Found size={size} stroke={1.7} aria-hidden />;
}
