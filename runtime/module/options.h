/* Options of a class: defaults and look-up, for construction and for readers of model text. */
#ifndef LAZYI_MODULE_OPTIONS_H
#define LAZYI_MODULE_OPTIONS_H

#include <lazyrt/class.h>

/* NULL if the class has none of that name. */
const lazy_option *lazyi_option_find(const lazy_class *type, const char *name);
/* Fills `self` (type->self_bytes) with every option's default; the rest is zero. */
void lazyi_options_default(const lazy_class *type, void *self);

#endif
