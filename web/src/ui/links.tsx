import { Anchor, Button, Menu, type AnchorProps, type ButtonProps, type MenuItemProps } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import type { ComponentPropsWithRef } from 'react';

// Mantine's `component={Link}` loses the types of routes, their parameters and
// searches; these keep them.

type AnchorElement<Own> = Own & Omit<ComponentPropsWithRef<'a'>, keyof Own>;

/** A button that goes to a page. */
export const ButtonLink = createLink((props: AnchorElement<ButtonProps>) => (
  <Button component="a" {...props} />
));

/** A menu item that goes to a page. */
export const MenuLink = createLink((props: AnchorElement<MenuItemProps>) => (
  <Menu.Item component="a" {...props} />
));

/** A text link with Mantine's props. */
export const TextLink = createLink((props: AnchorElement<AnchorProps>) => <Anchor {...props} />);
