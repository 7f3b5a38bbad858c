// SPDX-License-Identifier: Apache-2.0

// libcurl takes the values of its options as variable arguments, which Swift cannot pass. Each function here is
// curl_easy_setopt for one type of value; what the options mean is said in SMTPTransport.swift.

#ifndef MILLRACE_CCURL_SHIM_H
#define MILLRACE_CCURL_SHIM_H

#include <curl/curl.h>

// Once per process, before all else.
static inline CURLcode millrace_curl_start(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT);
}

static inline CURLcode millrace_curl_set_long(CURL *handle, CURLoption option, long value)
{
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode millrace_curl_set_size(CURL *handle, CURLoption option, curl_off_t value)
{
    return curl_easy_setopt(handle, option, value);
}

// libcurl keeps a copy.
static inline CURLcode millrace_curl_set_string(CURL *handle, CURLoption option, const char *value)
{
    return curl_easy_setopt(handle, option, value);
}

// What is pointed to must stay until the transfer has ended.
static inline CURLcode millrace_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value)
{
    return curl_easy_setopt(handle, option, value);
}

// The socket of the connection that the handle keeps; CURL_SOCKET_BAD when it keeps none.
static inline curl_socket_t millrace_curl_kept_socket(CURL *handle)
{
    curl_socket_t socket = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(handle, CURLINFO_ACTIVESOCKET, &socket) != CURLE_OK)
        return CURL_SOCKET_BAD;
    return socket;
}

static inline CURLcode millrace_curl_set_errors(CURL *handle, char *buffer)
{
    return curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, buffer);
}

// Bytes written into `buffer`, at most size * count; 0 at the end; CURL_READFUNC_ABORT.
typedef size_t (*millrace_curl_read)(char *buffer, size_t size, size_t count, void *context);
// Takes a line of the server's; returns size * count.
typedef size_t (*millrace_curl_line)(char *line, size_t size, size_t count, void *context);
// Takes what is sent and received; returns 0.
typedef int (*millrace_curl_trace)(CURL *handle, curl_infotype kind, char *bytes, size_t count, void *context);
// Asked about once a second at least; anything but 0 aborts.
typedef int (*millrace_curl_progress)(
    void *context, curl_off_t down_total, curl_off_t down_now, curl_off_t up_total, curl_off_t up_now);

// All four are handed the same context, which must stay until the transfer has ended.
static inline void millrace_curl_set_callbacks(
    CURL *handle, millrace_curl_read read, millrace_curl_line line, millrace_curl_trace trace,
    millrace_curl_progress progress, void *context)
{
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, read);
    curl_easy_setopt(handle, CURLOPT_READDATA, context);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, line);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, context);
    curl_easy_setopt(handle, CURLOPT_DEBUGFUNCTION, trace);
    curl_easy_setopt(handle, CURLOPT_DEBUGDATA, context);
    curl_easy_setopt(handle, CURLOPT_VERBOSE, 1L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, progress);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, context);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
}

#endif
