// SPDX-License-Identifier: Apache-2.0

// Only the reply reader is used: RedisDriver does its own input and output over NIO.
#include <hiredis/read.h>
#include <hiredis/hiredis.h>
