import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import { ApiError } from '~/api/errors';
import { show } from '~/test/render';
import { DataTable, type Column } from './DataTable';

type Row = { id: string; size: number };
const columns: Column<Row>[] = [
  { id: 'id', title: 'Name', width: 200, sort: '$title', cell: (row) => <a href={`#${row.id}`}>{row.id}</a> },
  { id: 'size', title: 'Size', width: 100, numeric: true, cell: (row) => row.size },
];
const many = Array.from({ length: 500 }, (_, i): Row => ({ id: `row-${i}`, size: i }));
const base = {
  label: 'Things',
  columns,
  rows: many,
  rowKey: (row: Row) => row.id,
  loading: false,
  empty: <p>Nothing yet</p>,
};

describe('DataTable', () => {
  it('keeps only the rows in view in the DOM and tells the true total', () => {
    show(<DataTable {...base} total={10_000} />);
    expect(screen.getAllByRole('row').length).toBeLessThan(60);
    expect(screen.getByRole('table', { name: 'Things' })).toHaveAttribute('aria-rowcount', '10001');
  });

  it('asks for the next page when the end comes near', () => {
    const onLoadMore = vi.fn<() => void>();
    show(<DataTable {...base} rows={many.slice(0, 20)} hasMore onLoadMore={onLoadMore} />);
    expect(onLoadMore).toHaveBeenCalled();
  });

  it('does not ask again while a page is on its way', () => {
    const onLoadMore = vi.fn<() => void>();
    show(<DataTable {...base} rows={many.slice(0, 20)} hasMore loadingMore onLoadMore={onLoadMore} />);
    expect(onLoadMore).not.toHaveBeenCalled();
  });

  it('tells "nothing yet" from "nothing matches"', async () => {
    const { rerender, unmount } = show(<DataTable {...base} rows={[]} />);
    expect(screen.getByText('Nothing yet')).toBeInTheDocument();
    unmount();
    void rerender;
    const onClearFilters = vi.fn<() => void>();
    show(<DataTable {...base} rows={[]} filtered onClearFilters={onClearFilters} />);
    expect(screen.queryByText('Nothing yet')).not.toBeInTheDocument();
    await userEvent.click(screen.getByRole('button', { name: 'Clear filters' }));
    expect(onClearFilters).toHaveBeenCalledOnce();
  });

  it('says what failed, with the request id and a way to try again', async () => {
    const onRetry = vi.fn<() => void>();
    const error = new ApiError(500, {
      error: 'internal',
      message: 'The database is away.',
      requestId: 'req-9',
    });
    show(<DataTable {...base} rows={[]} error={error} onRetry={onRetry} />);
    const alert = screen.getByRole('alert');
    expect(alert).toHaveTextContent('The database is away.');
    expect(alert).toHaveTextContent('req-9');
    await userEvent.click(within(alert).getByRole('button', { name: 'Try again' }));
    expect(onRetry).toHaveBeenCalledOnce();
  });

  it('keeps the rows it has when a later page fails', () => {
    show(<DataTable {...base} error={new ApiError(500, {})} />);
    expect(screen.getByText('row-0')).toBeInTheDocument();
  });

  it('sorts by a click on a head and shows the direction', async () => {
    const onSort = vi.fn<(sort: string | undefined) => void>();
    show(<DataTable {...base} sort="$title" onSort={onSort} />);
    expect(screen.getByRole('columnheader', { name: 'Name' })).toHaveAttribute('aria-sort', 'ascending');
    await userEvent.click(screen.getByRole('button', { name: 'Name' }));
    expect(onSort).toHaveBeenCalledWith('-$title');
  });

  it('moves by j and k, and selects by x', async () => {
    show(<DataTable {...base} selection={(keys) => <span>chosen {keys.join(' ')}</span>} />);
    await userEvent.keyboard('j');
    await waitFor(() => expect(screen.getByText('row-0')).toHaveFocus());
    await userEvent.keyboard('j');
    await waitFor(() => expect(screen.getByText('row-1')).toHaveFocus());
    await userEvent.keyboard('x');
    expect(screen.getByText('chosen row-1')).toBeInTheDocument();
    await userEvent.keyboard('k');
    await waitFor(() => expect(screen.getByText('row-0')).toHaveFocus());
  });

  it('leaves the keys alone while somebody types', async () => {
    show(
      <>
        <input aria-label="Text" />
        <DataTable {...base} />
      </>,
    );
    await userEvent.type(screen.getByLabelText('Text'), 'jk');
    expect(screen.getByLabelText('Text')).toHaveFocus();
    expect(screen.getByLabelText('Text')).toHaveValue('jk');
  });
});
