// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of buffers, as mem_ops for vb2: pages of shmem, user pages, an imported dma-buf.
 *
 * vb2's own allocators fit a device that does DMA. These fit a copy by the CPU: shmem pages are
 * charged to the process's memory cgroup and can be registered with io_uring, and user pages are
 * pinned and written to one by one, so that no kernel mapping is built when an application gives
 * another pointer with every VIDIOC_QBUF.
 *
 * The one thing to know: a process that still maps a buffer keeps its pages through the shmem file,
 * also after the driver has let go of them. So it is the end of the file that wipes them.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/refcount.h>
#include <linux/scatterlist.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <media/videobuf2-memops.h>

#include "ownframe.h"

/**
 * struct ownframe_mem - memory of one buffer: one of file, dbuf, or user pages
 * @ref: of pages of the shmem file: vb2 and exported dma-bufs
 * @account: is charged for user pages; for a shmem file, the file's private_data is
 * @charged: bytes
 * @file: shmem file
 * @dbuf: imported dma-buf; vb2 holds the reference
 * @size: bytes that it has to have
 * @pages: pages of the shmem file, or pinned user pages
 * @num_pages: their number
 * @offset: of the buffer's first byte in the first page
 * @map: where the kernel sees it in one piece: a dma-buf, or the shmem pages if there was room
 */
struct ownframe_mem {
	refcount_t ref;
	struct ownframe_account *account;
	unsigned long charged;
	struct file *file;
	struct dma_buf *dbuf;
	unsigned long size;
	struct page **pages;
	unsigned long num_pages;
	unsigned int offset;
	struct iosys_map map;
};

/**
 * struct ownframe_account - memory that a process has of a node
 * @ref: held by the owner, and by what is charged: a mapping outlives buffer, handle and owner
 * @entry: in accounts
 * @node: compared, never dereferenced; NULL once it is gone
 * @mm: the process. Held, so that it cannot be another one's
 * @used: bytes
 */
struct ownframe_account {
	struct kref ref;
	struct list_head entry;
	const struct ownframe_node *node;
	struct mm_struct *mm;
	atomic_long_t used;
};

static LIST_HEAD(accounts);
static DEFINE_MUTEX(accounts_lock); /* accounts, and their node */

/**
 * ownframe_account_get() - the account of a process at a node
 * @node: the node
 * @mm: the process
 *
 * Return: the one that it has already, if it still maps buffers of an earlier handle, or a new one;
 * NULL if there is no memory.
 */
struct ownframe_account *ownframe_account_get(const struct ownframe_node *node,
					      struct mm_struct *mm)
{
	struct ownframe_account *account;

	mutex_lock(&accounts_lock);
	list_for_each_entry(account, &accounts, entry) {
		if (account->node == node && account->mm == mm) {
			kref_get(&account->ref);
			goto unlock;
		}
	}
	account = kzalloc(sizeof(*account), GFP_KERNEL);
	if (!account)
		goto unlock;
	kref_init(&account->ref);
	account->node = node;
	account->mm = mm;
	mmgrab(mm);
	list_add(&account->entry, &accounts);
unlock:
	mutex_unlock(&accounts_lock);
	return account;
}

static void account_free(struct kref *ref)
{
	struct ownframe_account *account = container_of(ref, struct ownframe_account, ref);

	list_del(&account->entry);
	mutex_unlock(&accounts_lock);
	mmdrop(account->mm);
	kfree(account);
}

void ownframe_account_put(struct ownframe_account *account)
{
	kref_put_mutex(&account->ref, account_free, &accounts_lock);
}

/**
 * ownframe_account_forget() - a node is gone
 * @node: another may come to have this address
 */
void ownframe_account_forget(const struct ownframe_node *node)
{
	struct ownframe_account *account;

	mutex_lock(&accounts_lock);
	list_for_each_entry(account, &accounts, entry)
		if (account->node == node)
			account->node = NULL;
	mutex_unlock(&accounts_lock);
}

/* With the queue locked, so that it can shrink meanwhile, but does not grow. */
static bool account_charge(struct ownframe_account *account, unsigned long bytes,
			   unsigned long limit)
{
	unsigned long used = atomic_long_read(&account->used);

	if (bytes > limit - min(used, limit))
		return false;
	atomic_long_add(bytes, &account->used);
	kref_get(&account->ref);
	return true;
}

static void account_uncharge(struct ownframe_account *account, unsigned long bytes)
{
	atomic_long_sub(bytes, &account->used);
	ownframe_account_put(account);
}

/* Theirs makes a mapping one of shmem. */
static const struct file_operations *shmem_fops __ro_after_init;

/*
 * Runs for mmap() of the video device and for remap_file_pages(). No copy for a child, no frames in
 * a core dump, no growing by mremap().
 */
static int mem_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTDUMP | VM_DONTEXPAND);
	return ownframe_compat_mmap(shmem_fops, file, vma);
}

/* Only the page cache refers to it, and who asks, and the batch of pages on their way to an LRU. */
static bool page_is_free(struct page *page)
{
	struct folio *folio = page_folio(page);

	return folio_ref_count(folio) == folio_nr_pages(folio) + 1 + !folio_test_lru(folio);
}

static void mem_file_uncharge(struct file *file)
{
	if (file->private_data)
		account_uncharge(file->private_data, i_size_read(file_inode(file)));
	file->private_data = NULL;
}

/*
 * Neither the driver nor a mapping has the file any more: wipe the frame, unless io_uring or a pipe
 * still holds a page for the process. Not when the driver lets go: a process that ends, is killed
 * or closes its handle mostly has the buffers mapped still.
 */
static int mem_file_release(struct inode *inode, struct file *file)
{
	pgoff_t end = i_size_read(inode) >> PAGE_SHIFT;
	struct page *page;
	pgoff_t i;

	for (i = 0; i < end; i++) {
		page = find_get_page(inode->i_mapping, i);
		if (!page)
			continue;
		if (page_is_free(page))
			clear_highpage(page);
		put_page(page);
	}
	mem_file_uncharge(file);
	return 0;
}

/* There is no fallocate: MADV_REMOVE must not take pages out of a buffer. */
static const struct file_operations mem_fops = {
	.owner		= THIS_MODULE,
	.mmap		= mem_file_mmap,
	.release	= mem_file_release,
};

int __init ownframe_mem_init(void)
{
	struct file *file = shmem_file_setup(KBUILD_MODNAME, PAGE_SIZE, EMPTY_VMA_FLAGS);

	if (IS_ERR(file))
		return PTR_ERR(file);
	shmem_fops = file->f_op;
	fput(file);
	return 0;
}

static struct ownframe_mem *mem_new(struct vb2_queue *queue, unsigned long num_pages)
{
	struct ownframe_owner *owner = container_of(queue, struct ownframe_owner, queue);
	unsigned long limit = READ_ONCE(owner->node->memory_limit) ?: owner->memory_limit;
	unsigned long bytes = num_pages << PAGE_SHIFT;
	struct ownframe_mem *mem;

	mem = kzalloc(sizeof(*mem), GFP_KERNEL);
	if (!mem)
		return ERR_PTR(-ENOMEM);
	mem->pages = kvcalloc(num_pages, sizeof(*mem->pages), GFP_KERNEL);
	if (!mem->pages || !account_charge(owner->account, bytes, limit)) {
		kvfree(mem->pages);
		kfree(mem);
		return ERR_PTR(-ENOMEM);
	}
	refcount_set(&mem->ref, 1);
	mem->account = owner->account;
	mem->charged = bytes;
	return mem;
}

static void mem_free(struct ownframe_mem *mem)
{
	if (mem->account)
		account_uncharge(mem->account, mem->charged);
	kvfree(mem->pages);
	kfree(mem);
}

static void mem_put(void *priv)
{
	struct ownframe_mem *mem = priv;
	unsigned long i;

	if (!refcount_dec_and_test(&mem->ref))
		return;
	vunmap(mem->map.vaddr);
	for (i = 0; i < mem->num_pages; i++)
		put_page(mem->pages[i]);
	/* The release may come later, and a call that frees buffers may then allocate others. */
	if (file_count(mem->file) == 1)
		mem_file_uncharge(mem->file);
	fput(mem->file);
	mem_free(mem);
}

static void *mem_alloc(struct vb2_buffer *vb, struct device *dev, unsigned long size)
{
	unsigned long num_pages = size >> PAGE_SHIFT;
	struct ownframe_mem *mem = mem_new(vb->vb2_queue, num_pages);
	struct page *page;
	int ret;

	if (IS_ERR(mem))
		return mem;
	mem->file = shmem_file_setup(KBUILD_MODNAME, size, EMPTY_VMA_FLAGS);
	if (IS_ERR(mem->file)) {
		ret = PTR_ERR(mem->file);
		mem_free(mem);
		return ERR_PTR(ret);
	}
	/* The last user of the file may be a mapping: the module stays for it. */
	__module_get(THIS_MODULE);
	mem->file->f_op = &mem_fops;
	mem->file->private_data = mem->account;
	mem->account = NULL;
	mapping_set_unevictable(mem->file->f_mapping);
	while (mem->num_pages < num_pages) {
		page = shmem_read_mapping_page_gfp(mem->file->f_mapping, mem->num_pages,
						   GFP_HIGHUSER);
		if (IS_ERR(page)) {
			mem_put(mem);
			return page;
		}
		/* Frames are written behind the page tables' back. */
		set_page_dirty(page);
		mem->pages[mem->num_pages++] = page;
	}
	/* A copy in one piece costs a fraction of one by pages. Without it, it is one by pages. */
	iosys_map_set_vaddr(&mem->map, vmap(mem->pages, num_pages, VM_MAP, PAGE_KERNEL));
	return mem;
}

static void *mem_vaddr(struct vb2_buffer *vb, void *priv)
{
	struct ownframe_mem *mem = priv;

	return mem->map.vaddr;
}

static void *mem_cookie(struct vb2_buffer *vb, void *priv)
{
	return priv;
}

/* More than one means that somebody maps it, or has it as a dma-buf. */
static unsigned int mem_num_users(void *priv)
{
	struct ownframe_mem *mem = priv;

	return mem->file ? file_count(mem->file) + refcount_read(&mem->ref) - 1 : 1;
}

static int mem_mmap(void *priv, struct vm_area_struct *vma)
{
	struct ownframe_mem *mem = priv;

	vma_set_file(vma, mem->file);
	return vfs_mmap(mem->file, vma);
}

/* Exported buffers: the same pages, for as long as anybody has the dma-buf. */

static struct sg_table *export_map(struct dma_buf_attachment *attachment,
				   enum dma_data_direction direction)
{
	struct ownframe_mem *mem = attachment->dmabuf->priv;
	struct sg_table *table = kzalloc(sizeof(*table), GFP_KERNEL);
	int ret;

	if (!table)
		return ERR_PTR(-ENOMEM);
	ret = sg_alloc_table_from_pages(table, mem->pages, mem->num_pages, 0,
					mem->num_pages << PAGE_SHIFT, GFP_KERNEL);
	if (ret)
		goto free;
	ret = dma_map_sgtable(attachment->dev, table, direction, 0);
	if (!ret)
		return table;
	sg_free_table(table);
free:
	kfree(table);
	return ERR_PTR(ret);
}

static void export_unmap(struct dma_buf_attachment *attachment, struct sg_table *table,
			 enum dma_data_direction direction)
{
	dma_unmap_sgtable(attachment->dev, table, direction, 0);
	sg_free_table(table);
	kfree(table);
}

static int export_mmap(struct dma_buf *dbuf, struct vm_area_struct *vma)
{
	return mem_mmap(dbuf->priv, vma);
}

static int export_vmap(struct dma_buf *dbuf, struct iosys_map *map)
{
	struct ownframe_mem *mem = dbuf->priv;

	if (!mem->map.vaddr)
		return -ENOMEM;
	*map = mem->map;
	return 0;
}

static void export_release(struct dma_buf *dbuf)
{
	mem_put(dbuf->priv);
}

static const struct dma_buf_ops export_ops = {
	.map_dma_buf	= export_map,
	.unmap_dma_buf	= export_unmap,
	.mmap		= export_mmap,
	.vmap		= export_vmap,
	.release	= export_release,
};

static struct dma_buf *mem_get_dmabuf(struct vb2_buffer *vb, void *priv, unsigned long flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct ownframe_mem *mem = priv;
	struct dma_buf *dbuf;

	info.ops = &export_ops;
	info.size = mem->num_pages << PAGE_SHIFT;
	info.flags = flags;
	info.priv = mem;
	refcount_inc(&mem->ref);
	dbuf = dma_buf_export(&info);
	if (IS_ERR(dbuf)) {
		mem_put(mem);
		return NULL;
	}
	return dbuf;
}

/* User memory */

/*
 * Is it in the page cache of a filesystem that writes back? Such a page cannot be written to at any
 * time: the filesystem may not know of it, may have a checksum of it, or may be sending it to disk.
 */
static bool page_is_of_file(struct page *page)
{
	struct folio *folio = page_folio(page);

	return folio->mapping && !folio_test_anon(folio) && !folio_test_swapbacked(folio) &&
	       !folio_test_hugetlb(folio);
}

static bool pages_are_of_file(struct page **pages, unsigned long num_pages)
{
	unsigned long i;

	for (i = 0; OWNFRAME_GUP_PINS_FILES && i < num_pages; i++)
		if (page_is_of_file(pages[i]))
			return true;
	return false;
}

static void *mem_get_userptr(struct vb2_buffer *vb, struct device *dev, unsigned long vaddr,
			     unsigned long size)
{
	struct ownframe_owner *owner = container_of(vb->vb2_queue, struct ownframe_owner, queue);
	unsigned int offset = offset_in_page(vaddr);
	struct ownframe_mem *mem;
	int pinned;

	if (!size || size > owner->buffer_limit)
		return ERR_PTR(-EINVAL);
	mem = mem_new(vb->vb2_queue, DIV_ROUND_UP(offset + size, PAGE_SIZE));
	if (IS_ERR(mem))
		return mem;
	mem->offset = offset;
	mem->num_pages = mem->charged >> PAGE_SHIFT;
	/* Without FOLL_FORCE: what the process may not write, it must not have written for it. */
	pinned = pin_user_pages_fast(vaddr - offset, mem->num_pages, FOLL_WRITE | FOLL_LONGTERM,
				     mem->pages);
	if (pinned == mem->num_pages && !pages_are_of_file(mem->pages, pinned))
		return mem;
	if (pinned > 0)
		unpin_user_pages(mem->pages, pinned);
	mem_free(mem);
	return ERR_PTR(pinned < 0 ? pinned : -EFAULT);
}

static void mem_put_userptr(void *priv)
{
	struct ownframe_mem *mem = priv;

	unpin_user_pages_dirty_lock(mem->pages, mem->num_pages, true);
	mem_free(mem);
}

/* Whatever can fail is left to mem_map_dmabuf(): from 6.11 on vb2 loses a dma-buf if this does. */
static void *mem_attach_dmabuf(struct vb2_buffer *vb, struct device *dev, struct dma_buf *dbuf,
			       unsigned long size)
{
	struct ownframe_mem *mem = kzalloc(sizeof(*mem), GFP_KERNEL);

	if (!mem)
		return ERR_PTR(-ENOMEM);
	mem->dbuf = dbuf;
	mem->size = size;
	return mem;
}

static void mem_detach_dmabuf(void *priv)
{
	kfree(priv);
}

static int mem_map_dmabuf(void *priv)
{
	struct ownframe_mem *mem = priv;

	if (mem->dbuf->size < mem->size)
		return -EFAULT;
	return dma_buf_vmap(mem->dbuf, &mem->map);
}

static void mem_unmap_dmabuf(void *priv)
{
	struct ownframe_mem *mem = priv;

	dma_buf_vunmap(mem->dbuf, &mem->map);
}

const struct vb2_mem_ops ownframe_mem_ops = {
	.alloc		= mem_alloc,
	.put		= mem_put,
	.vaddr		= mem_vaddr,
	.cookie		= mem_cookie,
	.num_users	= mem_num_users,
	.mmap		= mem_mmap,
	.get_dmabuf	= mem_get_dmabuf,
	.get_userptr	= mem_get_userptr,
	.put_userptr	= mem_put_userptr,
	.attach_dmabuf	= mem_attach_dmabuf,
	.detach_dmabuf	= mem_detach_dmabuf,
	.map_dmabuf	= mem_map_dmabuf,
	.unmap_dmabuf	= mem_unmap_dmabuf,
};

/**
 * ownframe_mem_begin_read() - make what is in a buffer visible to the CPU
 * @mem: of the feed: pages or a dma-buf
 * @map: is set to where it is
 *
 * Return: 0, to be paired with ownframe_mem_end_read(), or what the exporter of the dma-buf says.
 */
int ownframe_mem_begin_read(struct ownframe_mem *mem, struct iosys_map *map)
{
	int ret = 0;

	if (mem->dbuf)
		ret = dma_buf_begin_cpu_access(mem->dbuf, DMA_FROM_DEVICE);
	else if (!mem_vaddr(NULL, mem))
		ret = -ENOMEM;
	*map = mem->map;
	return ret;
}

void ownframe_mem_end_read(struct ownframe_mem *mem)
{
	if (mem->dbuf)
		dma_buf_end_cpu_access(mem->dbuf, DMA_FROM_DEVICE);
}

/**
 * ownframe_mem_write() - copy into a buffer
 * @mem: of a consumer: pages
 * @offset: from the buffer's first byte
 * @from: what ownframe_mem_begin_read() said
 * @from_offset: from its first byte
 * @length: bytes
 */
void ownframe_mem_write(struct ownframe_mem *mem, size_t offset, const struct iosys_map *from,
			size_t from_offset, size_t length)
{
	size_t at = mem->offset + offset;
	size_t part;
	struct page *page;
	void *to;

	if (mem->map.vaddr) {
		to = mem->map.vaddr + offset;
		iosys_map_memcpy_from(to, from, from_offset, length);
		flush_kernel_vmap_range(to, length);
		return;
	}
	for (; length; length -= part, at += part, from_offset += part) {
		page = mem->pages[at >> PAGE_SHIFT];
		part = min_t(size_t, length, PAGE_SIZE - offset_in_page(at));
		to = kmap_local_page(page);
		iosys_map_memcpy_from(to + offset_in_page(at), from, from_offset, part);
		flush_dcache_page(page);
		kunmap_local(to);
	}
}

/* Bytes of two kinds in turns, the first of them shade[0]. */
static void fill(u8 *to, const u8 shade[2], size_t length)
{
	u8 bytes[2] = { shade[0], shade[1] };
	u16 pair;

	if (length && (unsigned long)to % sizeof(pair)) {
		*to++ = bytes[0];
		length--;
		swap(bytes[0], bytes[1]);
	}
	memcpy(&pair, bytes, sizeof(pair));
	memset16((u16 *)to, pair, length / sizeof(pair));
	if (length % sizeof(pair))
		to[length - 1] = bytes[0];
}

/**
 * ownframe_mem_fill() - write the same two bytes over and over into a buffer
 * @mem: of a consumer: pages
 * @offset: from the buffer's first byte
 * @shade: the bytes
 * @length: bytes
 */
void ownframe_mem_fill(struct ownframe_mem *mem, size_t offset, const u8 shade[2], size_t length)
{
	size_t at = mem->offset + offset;
	u8 turned[2] = { shade[1], shade[0] };
	size_t done, part;
	struct page *page;
	void *to;

	if (mem->map.vaddr) {
		to = mem->map.vaddr + offset;
		fill(to, shade, length);
		flush_kernel_vmap_range(to, length);
		return;
	}
	for (done = 0; done < length; done += part, at += part) {
		page = mem->pages[at >> PAGE_SHIFT];
		part = min_t(size_t, length - done, PAGE_SIZE - offset_in_page(at));
		to = kmap_local_page(page);
		fill(to + offset_in_page(at), done % 2 ? turned : shade, part);
		flush_dcache_page(page);
		kunmap_local(to);
	}
}

MODULE_IMPORT_NS("DMA_BUF");
