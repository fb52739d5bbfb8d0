/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Marks the messages of core and qmp for translation in whatever catalogue the
 * mount uses.
 */
#ifndef DIRTY_I18N_H
#define DIRTY_I18N_H

/*
 * libvirt and the tools define GETTEXT_PACKAGE for these files; QEMU translates
 * no messages of its monitor, so there the text stays as written.
 */
#ifdef GETTEXT_PACKAGE
# include <glib/gi18n-lib.h>
#else
# define _(String) (String)
# define N_(String) (String)
#endif

#endif
