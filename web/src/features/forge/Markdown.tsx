import { useRouter } from '@tanstack/react-router';
import ReactMarkdown, { type Components } from 'react-markdown';
import rehypeSanitize from 'rehype-sanitize';
import remarkGfm from 'remark-gfm';
import { useMemo, type MouseEvent } from 'react';
import { opensOutside, safeAddress } from '~/features/run/PortalLink';
import { tw } from '~/strings/work';
import { resolveLink, type Place } from './paths';
import css from './forge.module.css';

/**
 * Markdown that somebody else wrote: no HTML, no scripts, no images from other
 * hosts, which would tell them who reads. Headings start below the page's own.
 */
export default function Markdown({ text, place }: { text: string; place?: Place }) {
  const router = useRouter();
  const components = useMemo((): Components => {
    const go = (event: MouseEvent, address: string) => {
      if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      router.history.push(address);
    };
    return {
      h1: ({ children }) => <h2>{children}</h2>,
      h2: ({ children }) => <h3>{children}</h3>,
      h3: ({ children }) => <h4>{children}</h4>,
      h4: ({ children }) => <h5>{children}</h5>,
      h5: ({ children }) => <h6>{children}</h6>,
      pre: ({ children }) => <pre tabIndex={0}>{children}</pre>,
      img: ({ alt }) => <em>{tw.forge.image(alt ?? '')}</em>,
      a: ({ href, children }) => {
        const address = safeAddress(resolveLink(href, place));
        if (!address) return <>{children}</>;
        return opensOutside(address) ? (
          <a href={address} target="_blank" rel="noreferrer">
            {children}
          </a>
        ) : (
          <a href={address} onClick={(event) => go(event, address)}>
            {children}
          </a>
        );
      },
    };
  }, [router, place]);
  return (
    <div className={`${css.prose} sph-prose`}>
      <ReactMarkdown remarkPlugins={[remarkGfm]} rehypePlugins={[rehypeSanitize]} components={components}>
        {text}
      </ReactMarkdown>
    </div>
  );
}
