// SPDX-License-Identifier: Apache-2.0

// libvips takes its options as variable arguments, which Swift cannot pass, and GObject hides casts in macros. Each
// function here is one call with its options fixed; what a call means is said in VipsRuntime.swift and
// PhotoRenderer.swift.

#ifndef MILLRACE_CVIPS_SHIM_H
#define MILLRACE_CVIPS_SHIM_H

#include <vips/vips.h>

// Decoders warn about every odd file; what matters comes back as an error.
static inline void millrace_vips_ignore(
    const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer context)
{
    (void) domain;
    (void) level;
    (void) message;
    (void) context;
}

// Once per process. 0, or -1 with the reason in libvips' error buffer.
static inline int millrace_vips_start(void)
{
    if (VIPS_INIT("millrace"))
        return -1;
    g_log_set_handler("VIPS", G_LOG_LEVEL_MASK, millrace_vips_ignore, NULL);
    return 0;
}

// Bytes read, 0 at the end, or -1.
typedef int64_t (*millrace_vips_read)(gpointer source, gpointer buffer, int64_t length, gpointer context);
// The new position, or -1. `whence` is SEEK_SET, SEEK_CUR or SEEK_END.
typedef int64_t (*millrace_vips_seek)(gpointer source, int64_t offset, int whence, gpointer context);

// `context` must outlive the source and every image that was opened from it.
static inline VipsSource *millrace_vips_source(millrace_vips_read read, millrace_vips_seek seek, gpointer context)
{
    VipsSourceCustom *source = vips_source_custom_new();
    if (!source)
        return NULL;
    g_signal_connect(source, "read", G_CALLBACK(read), context);
    g_signal_connect(source, "seek", G_CALLBACK(seek), context);
    return VIPS_SOURCE(source);
}

// Reads the header; pixels are decoded when they are asked for, from top to bottom.
static inline VipsImage *millrace_vips_open(VipsSource *source)
{
    return vips_image_new_from_source(
        source, "", "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_WARNING, NULL);
}

// The first page, turned upright and shrunk into a box of `box` × `box` pixels, never enlarged.
//
// libvips 8.14.1 forgets `fail_on` on its way to the loader, and would take half a file for a whole one: the loader's
// own options say it once more.
static inline int millrace_vips_thumbnail_source(VipsSource *source, VipsImage **out, int box)
{
    return vips_thumbnail_source(
        source, out, box, "height", box, "size", VIPS_SIZE_DOWN, "fail_on", VIPS_FAIL_ON_WARNING,
        "option_string", "fail_on=warning", NULL);
}

static inline int millrace_vips_thumbnail_image(VipsImage *in, VipsImage **out, int box)
{
    return vips_thumbnail_image(in, out, box, "height", box, "size", VIPS_SIZE_DOWN, "no_rotate", TRUE, NULL);
}

// From the embedded colour profile to sRGB; a profile that cannot be used counts as sRGB.
static inline int millrace_vips_to_srgb(VipsImage *in, VipsImage **out)
{
    return vips_icc_transform(
        in, out, "srgb", "embedded", TRUE, "input_profile", "srgb", "intent", VIPS_INTENT_RELATIVE, NULL);
}

// `suffix` names the format and its options, such as `.webp[Q=80]`. The caller frees `*buffer` by g_free.
static inline int millrace_vips_write(VipsImage *in, const char *suffix, void **buffer, size_t *length)
{
    return vips_image_write_to_buffer(in, suffix, buffer, length, NULL);
}

#endif
