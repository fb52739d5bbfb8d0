/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of the options of virt-dirty predict depends on the measurement.
 */
#include <glib/gi18n-lib.h>

#include "predict-options.h"

static gboolean
apply_method(const PredictOptions *options, const DirtyMeasurement *measurement,
             MigrationSettings *settings, GError **error)
{
    if (!options->method) {
        return TRUE;
    }
    for (gsize i = 0; i < measurement->n_compressions; i++) {
        const DirtyCompression *tried = &measurement->compressions[i];

        if (g_str_equal(tried->method, options->method)) {
            settings->compression_ratio = tried->ratio;
            /* Each connection has a thread that compresses. */
            settings->compression_speed = tried->speed * settings->channels;
            return TRUE;
        }
    }
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                _("the measurement did not try to compress with '%1$s': measure with "
                  "'compression'"),
                options->method);
    return FALSE;
}

/**
 * predict_options_apply: complete settings with what a measurement says
 * @options: options
 * @measurement: a measurement
 * @settings: set to the settings of its migrations
 * @error: set to DIRTY_ERROR_INVALID where it does not say what is needed
 *
 * Return: TRUE, or FALSE with @error set
 */
gboolean
predict_options_apply(const PredictOptions *options, const DirtyMeasurement *measurement,
                      MigrationSettings *settings, GError **error)
{
    *settings = options->settings;
    if (!options->vcpus_given && measurement->n_vcpus > 0) {
        settings->n_vcpus = measurement->n_vcpus;
    }
    /* A rate without counts is of QEMU without the libvirt-dirty patch. */
    settings->limitable = !measurement->zero_unknown || settings->log == MIGRATION_LOG_RING;
    return apply_method(options, measurement, settings, error);
}
