#include "common/base/man_page.h"

#include <ctype.h>

static void put_text(FILE *out, const char *text)
{
    bool bold = false;
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++) {
        switch (*text) {
        case '`':
            bold = !bold;
            fputs(bold ? "\\fB" : "\\fR", out);
            break;
        case '\\':
            fputs("\\e", out);
            break;
        case '-':
            fputs("\\-", out);
            break;
        case '\'':
            fputs("\\(aq", out);
            break;
        case '^':
            fputs("\\(ha", out);
            break;
        case '~':
            fputs("\\(ti", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

void man_begin(FILE *out, const char *name, int section, const char *purpose)
{
    fprintf(out, ".\\\" Printed by the program; changes belong into its tables.\n.TH ");
    for (const char *p = name; *p; p++)
        fputc(toupper((unsigned char)*p), out);
    fprintf(out, " %d \"\" \"sms-gateway %s\" \"SMS gateway\"\n.nh\n.ad l\n.SH NAME\n", section,
            GATEWAY_VERSION);
    put_text(out, name);
    fputs(" \\- ", out);
    put_text(out, purpose);
    fputc('\n', out);
}

void man_heading(FILE *out, const char *heading)
{
    fprintf(out, ".SH %s\n", heading);
}

void man_subheading(FILE *out, const char *heading)
{
    fprintf(out, ".SS %s\n", heading);
}

void man_text(FILE *out, const char *text)
{
    fputs(".PP\n", out);
    put_text(out, text);
    fputc('\n', out);
}

void man_item(FILE *out, const char *term, const char *value, const char *text)
{
    fputs(".TP\n\\fB", out);
    put_text(out, term);
    fputs("\\fR", out);
    if (*value) {
        fputs(" \\fI", out);
        put_text(out, value);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    put_text(out, text);
    fputc('\n', out);
}

void man_begin_inner(FILE *out)
{
    fputs(".RS\n", out);
}

void man_end_inner(FILE *out)
{
    fputs(".RE\n", out);
}

void man_line(FILE *out, const char *text)
{
    fputs(".br\n", out);
    put_text(out, text);
    fputc('\n', out);
}
