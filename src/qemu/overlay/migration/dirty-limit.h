/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dirty page rate limit that a migration sets to make itself converge.
 */
#ifndef QEMU_MIGRATION_DIRTY_LIMIT_H
#define QEMU_MIGRATION_DIRTY_LIMIT_H

/**
 * migration_dirty_limit_begin: hold all vCPUs to parameter vcpu-dirty-limit
 *
 * It ends with the migration, however that ends.  Limits of the user's are
 * then what they were.
 *
 * Called with the BQL held; may be called again while it lasts.
 */
void migration_dirty_limit_begin(void);

/**
 * migration_dirty_limit_end: let them go again, if they are held
 *
 * Called with the BQL held.
 */
void migration_dirty_limit_end(void);

/**
 * migration_dirty_limit_info: fill in what query-migrate tells about it
 * @info: the reply
 */
void migration_dirty_limit_info(MigrationInfo *info);

#endif
