import { entry } from './entry.ts';

/** `$NAME` in arguments that the tool itself expands. */
export const argumentCatalog = {
  'language/expansion': entry<{ text: string }>({
    severity: 'error',
    message: ({ text }) => `${text} cannot be expanded here; only $NAME and \${NAME} can`,
    explain: `In COPY, CLONE, WORKDIR, CACHE, SETUP FILE, USER and EXPOSE the tool itself expands \`$NAME\` and \`\${NAME}\`; no shell looks at
them. Defaults and substitutions (\`\${NAME:-x}\`, \`\${NAME%x}\`) belong into an ENV above, where the machine's shell evaluates them. A
literal dollar sign is \`\\$\`, or stands in single quotes.`,
  }),
  'language/substitution': entry<{ text: string }>({
    severity: 'warning',
    message: ({ text }) =>
      `${text} is taken as it stands, because no shell reads this; set a variable with ENV above and use it here`,
    explain: `Commands are substituted in RUN and ENV only. \`ENV VERSION=$(cat version)\` and then \`WORKDIR /app-$VERSION\` does it.`,
  }),
  'language/unset-variable': entry<{ name: string; near: string | null; secret: boolean }>({
    severity: 'warning',
    message: ({ name, near, secret }) => {
      const nothing = `nothing sets ${name}, so it expands to nothing`;
      if (secret) return `${nothing}; put SECRET ENV ${name} above`;
      return near === null ? `${nothing}; set it above with ENV` : `${nothing}; did you mean ${near}?`;
    },
    explain: `Arguments see predefined variables and what ENV, SECRET ENV and SPLIT set above, in this Layerfile or a parent. A variable that
a RUN exports is gone when that RUN ends.`,
  }),
};
